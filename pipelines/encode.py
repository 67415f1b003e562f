"""Embed the texts of a vocabulary's bank that the store has no vectors of.

In:  a ``Source`` and the name of a text encoder.
Out: embeddings in the store; the encoder is loaded only when there is something to embed.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from langseg.cache.keys import text_id
from langseg.cache.records import Text, embedding_schema, to_table
from langseg.pipelines.chosen import Chosen, choose
from langseg.pipelines.config import Source
from langseg.pipelines.console import Advance

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from langseg.cache.store import Store
    from langseg.descriptors.text_encoder import EncoderRecord, TextEncoder

ENCODE_CHUNK = 4096  # texts embedded between two commits: at most that many are encoded twice


def run_encode(source: Source, encoder_name: str, advance: Advance) -> dict[str, Any]:
    """Embed what the vocabulary's bank needs and the store does not hold yet."""
    from langseg.descriptors.build_bank import bank_texts

    chosen = choose(source)
    texts = bank_texts(chosen.vocabulary, chosen.phrases())
    record, embedded, truncated = embed_missing(chosen.store, encoder_name, texts, advance)
    return _report(chosen, record, len(texts), embedded, truncated)


def embed_missing(
    store: "Store", encoder_name: str, texts: tuple[str, ...], advance: Advance
) -> "tuple[EncoderRecord, int, int]":
    """Returns: the encoder, how many texts it embedded now, and how many of those it cut."""
    from langseg.descriptors.text_encoder import load_encoder, stored_record

    record = stored_record(encoder_name, store.encoders().values())
    missing = _not_embedded(store, record, texts)
    truncated = 0
    if record is None or missing:
        encoder = load_encoder(encoder_name)
        record = encoder.record
        missing = _not_embedded(store, record, texts)
        truncated = _embed(store, encoder, missing, advance)
    return record, len(missing), truncated


def stored_vectors(store: "Store", record: "EncoderRecord") -> "dict[str, NDArray[np.float16]]":
    """text_id -> unit row [D], of everything the store holds of an encoder."""
    import numpy as np

    table = store.embeddings(record.encoder_id, ("text_id", "emb"))
    vectors = np.concatenate(
        [np.zeros(0, np.float16)]
        + [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table["emb"].chunks]
    ).reshape(-1, record.dim)
    return dict(zip(table["text_id"].to_pylist(), vectors, strict=True))


def _report(
    chosen: Chosen, record: "EncoderRecord", texts: int, embedded: int, truncated: int
) -> dict[str, Any]:
    cut = f", {truncated} of them cut at {record.max_tokens} tokens" if truncated else ""
    return {
        "encoder": record.encoder_id,
        "texts": texts,
        "embedded": embedded,
        "truncated": truncated,
        "sentence": f"{chosen.vocabulary.name}: {texts} texts, {embedded} newly embedded by "
        f"{record.encoder_id}{cut}; next: langseg-desc bank",
    }


def _embed(store: "Store", encoder: "TextEncoder", texts: list[str], advance: Advance) -> int:
    """Returns: how many texts the encoder cut."""
    truncated = 0
    with store.writer() as writer:
        for done, rows, table in _embedded_chunks(encoder, texts):
            writer.commit(
                {"texts": to_table(Text, rows)},
                embeddings={encoder.record.encoder_id: table},
                encoders={encoder.record.encoder_id: asdict(encoder.record)},
            )
            truncated += sum(table["truncated"].to_pylist())
            advance(done, len(texts))
    return truncated


def _not_embedded(
    store: "Store", record: "EncoderRecord | None", texts: tuple[str, ...]
) -> list[str]:
    """Texts without a vector, shortest first, so that a batch holds texts of like length."""
    known: set[str] = set()
    if record is not None and record.encoder_id in store.encoders():
        table = store.embeddings(record.encoder_id, ("text_id",))
        known = set(table["text_id"].to_pylist())
    return sorted((text for text in texts if text_id(text) not in known), key=len)


def _embedded_chunks(
    encoder: "TextEncoder", texts: list[str]
) -> Iterator[tuple[int, list[Text], "pa.Table"]]:
    """(texts done so far, their rows, their vectors), one chunk at a time."""
    import numpy as np
    import pyarrow as pa

    schema = embedding_schema(encoder.record.dim)
    for start in range(0, len(texts), ENCODE_CHUNK):
        chunk = texts[start : start + ENCODE_CHUNK]
        vectors, n_tokens = encoder.encode(chunk)
        rows = [Text(text_id=text_id(text), text=text, n_chars=len(text)) for text in chunk]
        values = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
        columns = [
            pa.array([row.text_id for row in rows], pa.string()),
            pa.FixedSizeListArray.from_arrays(values, type=schema.field("emb").type),
            pa.array(n_tokens, pa.int32()),
            pa.array(n_tokens > encoder.record.max_tokens, pa.bool_()),
        ]
        yield start + len(chunk), rows, pa.Table.from_arrays(columns, schema=schema)
