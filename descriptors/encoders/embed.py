"""Embed texts that the store has no vectors of.

In:  a store, the name of a text encoder, the texts that shall have vectors.
Out: embeddings in the store; the encoder is loaded only when there is something to embed.

Text ids are gone through range after range (``cache.store.text_id_ranges``), and of one range's
texts a chunk is in memory: so the peak does not grow with the number of texts, and all ids are
read once a range.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice

import numpy as np
import pyarrow as pa

from langseg.cache.keys import text_id
from langseg.cache.records import Text, embedding_schema, to_table
from langseg.cache.store.store import Store
from langseg.cache.store.text_id_ranges import TextIdRange, ranges_for
from langseg.cache.store.writer import StoreWriter
from langseg.descriptors.encoders.base import EncoderRecord, TextEncoder
from langseg.descriptors.encoders.load import load_encoder, stored_record

ENCODE_CHUNK = 4096  # texts embedded between two commits: at most that many are encoded twice
Texts = dict[str, str | None]  # text_id -> the text, None for one that is read from the store
OnProgress = Callable[[int, int], object]  # is told how many texts are embedded, of how many


@dataclass(frozen=True)
class WantedTexts:
    """Texts that shall have vectors: how many at most, and those of any range."""

    most: int
    within: Callable[[TextIdRange], Texts]


@dataclass(frozen=True)
class EmbedReport:
    """How many texts were wanted, embedded just now, and cut by the encoder as they were."""

    record: EncoderRecord
    texts: int
    embedded: int
    truncated: int


def embed_missing(
    store: Store, encoder_name: str, wanted: WantedTexts, on_progress: OnProgress
) -> EmbedReport:
    """Embed each wanted text that has no vector of the encoder, once, a chunk a commit."""
    record = stored_record(encoder_name, store.encoders().values())
    texts, missing = _counted(store, record, wanted)
    if record is not None and not missing:
        return EmbedReport(record, texts, 0, 0)
    encoder = load_encoder(encoder_name)
    progress = _Progress(on_progress, sum(missing.values()))
    with store.writer() as writer:
        for id_range in missing:
            _embed(store, writer, encoder, wanted, id_range, progress)
    return EmbedReport(encoder.record, texts, progress.done, progress.truncated)


def texts_within(texts: Iterable[str], id_range: TextIdRange) -> Texts:
    """Those of some texts that lie in a range."""
    return {key: text for text in texts if (key := text_id(text)) in id_range}


@dataclass
class _Progress:
    """What was embedded so far, told chunk by chunk."""

    on_progress: OnProgress
    total: int
    done: int = 0
    truncated: int = 0

    def add(self, embedded: pa.Table) -> None:
        self.done += len(embedded)
        self.truncated += sum(embedded["truncated"].to_pylist())
        self.on_progress(self.done, self.total)


def _embed(
    store: Store,
    writer: StoreWriter,
    encoder: TextEncoder,
    wanted: WantedTexts,
    id_range: TextIdRange,
    progress: _Progress,
) -> None:
    """Embed what is missing of one range, which another writer may have done by now."""
    writer.narrow(id_range)
    _, missing = _missing(store, encoder.record, wanted, id_range)
    texts = _texts(store, missing, id_range)
    while chunk := list(islice(texts, ENCODE_CHUNK)):
        rows, table = _rows_and_vectors(encoder, chunk)
        new = any(missing[row.text_id] is not None for row in rows)  # else the store has them all
        writer.commit(
            {"texts": to_table(Text, rows)} if new else {},
            embeddings={encoder.record.encoder_id: table},
            encoders={encoder.record.encoder_id: asdict(encoder.record)},
        )
        _release()
        progress.add(table)


def _counted(
    store: Store, record: EncoderRecord | None, wanted: WantedTexts
) -> tuple[int, dict[TextIdRange, int]]:
    """How many texts are wanted, and how many have no vector yet, by range."""
    texts, missing = 0, {}
    for id_range in ranges_for(wanted.most):
        count, left = _missing(store, record, wanted, id_range)
        texts += count
        if left:
            missing[id_range] = len(left)
        _release()
    return texts, missing


def _missing(
    store: Store, record: EncoderRecord | None, wanted: WantedTexts, id_range: TextIdRange
) -> tuple[int, Texts]:
    """How many texts of a range are wanted, and those that have no vector of the encoder yet."""
    texts = wanted.within(id_range)
    count = len(texts)
    if record is not None and record.encoder_id in store.encoders():
        for piece in store.stream_embeddings(record.encoder_id, ("text_id",)):
            for key in id_range.rows(piece)["text_id"].to_pylist():
                texts.pop(key, None)
    return count, texts


def _texts(store: Store, missing: Texts, id_range: TextIdRange) -> Iterator[str]:
    """Each missing text once."""
    yield from (text for text in missing.values() if text is not None)
    if None not in missing.values():
        return
    for piece in store.stream("texts", ("text_id", "text")):
        rows = id_range.rows(piece)
        for key, text in zip(rows["text_id"].to_pylist(), rows["text"].to_pylist(), strict=True):
            if missing.get(key, "") is None:
                yield text


def _release() -> None:
    """Hand back what Arrow let go and its pool would keep."""
    pa.default_memory_pool().release_unused()


def _rows_and_vectors(encoder: TextEncoder, texts: Sequence[str]) -> tuple[list[Text], pa.Table]:
    """The rows and the vectors of a chunk; the encoder batches texts of like length."""
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
