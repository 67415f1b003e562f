"""Embed the texts of a vocabulary's bank that the store has no vectors of.

In:  a ``Source`` and the name of a text encoder.
Out: embeddings in the store; the encoder is loaded only when there is something to embed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from langseg.cache.keys import text_id
from langseg.cache.records import Text, arrow_schema, embedding_schema, to_table
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


@dataclass(frozen=True)
class _Missing:
    """Texts, and the ids of texts that the store has, which are to be embedded."""

    own: list[str]
    stored: "pa.Array"

    def __len__(self) -> int:
        return len(self.own) + len(self.stored)


def run_encode(source: Source, encoder_name: str, advance: Advance) -> dict[str, Any]:
    """Embed what the vocabulary's bank needs and the store does not hold yet."""
    from langseg.descriptors.build_bank import bank_texts, class_phrases

    chosen = choose(source)
    own = bank_texts(chosen.vocabulary, class_phrases(chosen.vocabulary, (), {}))
    record, embedded, truncated = embed_missing(
        chosen.store, encoder_name, own, advance, chosen.text_ids()
    )
    texts = len(own) + len(_unsaid(chosen.text_ids(), own))
    return _report(chosen, record, texts, embedded, truncated)


def embed_missing(
    store: "Store",
    encoder_name: str,
    texts: Sequence[str],
    advance: Advance,
    said: "pa.Array | None" = None,
) -> "tuple[EncoderRecord, int, int]":
    """Embed texts, and those of the store's own whose ids are ``said``, each once.

    Of what is only in the store no more than a chunk is in memory, and 70 bytes a text for its id.

    Returns: the encoder, how many texts it embedded now, and how many of those it cut.
    """
    from langseg.descriptors.text_encoder import load_encoder, stored_record

    record = stored_record(encoder_name, store.encoders().values())
    missing = _missing(store, record, texts, said)
    truncated = 0
    if record is None or len(missing):
        encoder = load_encoder(encoder_name)
        record = encoder.record
        missing = _missing(store, record, texts, said)
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


def _embed(store: "Store", encoder: "TextEncoder", missing: _Missing, advance: Advance) -> int:
    """Returns: how many texts the encoder cut."""
    truncated = done = 0
    with store.writer() as writer:
        texts = _texts(store, missing)
        while chunk := list(islice(texts, ENCODE_CHUNK)):
            rows, table = _embedded(encoder, chunk)
            new = done < len(missing.own)  # the others are in the store
            writer.commit(
                {"texts": to_table(Text, rows)} if new else {},
                embeddings={encoder.record.encoder_id: table},
                encoders={encoder.record.encoder_id: asdict(encoder.record)},
            )
            truncated += sum(table["truncated"].to_pylist())
            done += len(chunk)
            advance(done, len(missing))
    return truncated


def _missing(
    store: "Store", record: "EncoderRecord | None", texts: Sequence[str], said: "pa.Array | None"
) -> _Missing:
    """What has no vector of the encoder yet."""
    import pyarrow as pa
    import pyarrow.compute as pc

    own = {text_id(text): text for text in texts}
    ids = pa.array(own, pa.string())
    stored = _unsaid(said, texts) if said is not None else pa.array([], pa.string())
    if record is not None and record.encoder_id in store.encoders():
        known = store.embeddings(record.encoder_id, ("text_id",))["text_id"]
        ids, stored = (x.filter(pc.invert(pc.is_in(x, value_set=known))) for x in (ids, stored))
    return _Missing([own[key] for key in ids.to_pylist()], stored)


def _unsaid(said: "pa.Array", texts: Sequence[str]) -> "pa.Array":
    """The ids of ``said`` that are none of these texts'."""
    import pyarrow as pa
    import pyarrow.compute as pc

    own = pa.array([text_id(text) for text in texts], pa.string())
    return said.filter(pc.invert(pc.is_in(said, value_set=own)))


def _texts(store: "Store", missing: _Missing) -> Iterator[str]:
    """Each missing text once; of the store's own, those of one part at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    yield from missing.own
    if not len(missing.stored):
        return
    wanted = arrow_schema(Text)
    wanted = pa.schema([wanted.field(name) for name in ("text_id", "text")])
    for part in store.manifest.tables.get("texts", ()):
        table = store.read_parts((part,), wanted)
        rows = np.flatnonzero(pc.is_in(table["text_id"], value_set=missing.stored))
        for start in range(0, len(rows), ENCODE_CHUNK):
            yield from table["text"].take(pa.array(rows[start : start + ENCODE_CHUNK])).to_pylist()


def _embedded(encoder: "TextEncoder", texts: Sequence[str]) -> "tuple[list[Text], pa.Table]":
    """The rows and the vectors of a chunk; the encoder batches texts of like length."""
    import numpy as np
    import pyarrow as pa

    schema = embedding_schema(encoder.record.dim)
    vectors, n_tokens = encoder.encode(texts)
    rows = [Text(text_id=text_id(text), text=text, n_chars=len(text)) for text in texts]
    values = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
    columns = [
        pa.array([row.text_id for row in rows], pa.string()),
        pa.FixedSizeListArray.from_arrays(values, type=schema.field("emb").type),
        pa.array(n_tokens, pa.int32()),
        pa.array(n_tokens > encoder.record.max_tokens, pa.bool_()),
    ]
    return rows, pa.Table.from_arrays(columns, schema=schema)
