"""Embed texts that the store has no vectors of.

In:  a store, the name of a text encoder, the texts that shall have vectors.
Out: embeddings in the store; the encoder is loaded only when there is something to embed.

Text ids are gone through range after range (``cache.store.text_id_ranges``), and of one range's
texts a chunk is in memory: so the peak does not grow with the number of texts, and all ids are
read once a range.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from secrets import token_hex

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from langseg.cache.keys import text_id
from langseg.cache.records import embedding_schema, embedding_table, text_table
from langseg.cache.store.store import Store
from langseg.cache.store.text_id_ranges import TextIdRange, ranges_for
from langseg.cache.store.vector_journal import VectorJournal, vector_journals
from langseg.cache.store.writer import StoreWriter
from langseg.descriptors.encoders.base import EncoderRecord, TextEncoder
from langseg.descriptors.encoders.load import load_encoder, stored_record
from langseg.descriptors.encoders.served import is_served, open_served

ENCODE_CHUNK = 4096  # texts embedded between two commits: at most that many are encoded twice
Texts = dict[str, str | None]  # text_id -> the text, None for one that is read from the store
# is told a phase, how far it is, of how much, and what it waits for
OnProgress = Callable[[str, int, int, str], object]


@dataclass(frozen=True)
class WantedTexts:
    """Texts that shall have vectors: how many at most, and those of any range."""

    most: int
    within: Callable[[TextIdRange], Texts]


@dataclass(frozen=True)
class EmbedReport:
    """How many texts were wanted, embedded just now, and cut by the encoder as they were (None
    where nobody tells); how many had been embedded by a run that was cut off; the tokens that a
    server says it used."""

    record: EncoderRecord
    texts: int
    embedded: int
    truncated: int | None
    recovered: int = 0
    tokens: int | None = None


def embed_missing(
    store: Store,
    encoder_name: str,
    wanted: WantedTexts,
    on_progress: OnProgress,
    base_url: str = "",
) -> EmbedReport:
    """Embed each wanted text that has no vector of the encoder, once, a chunk a commit.

    Args:
        base_url: of the server, for an encoder that is one; "" for the one that is meant unasked.
    """
    recovered = _recover(store)
    record = stored_record(encoder_name, store.encoders().values())
    texts, missing = _counted(store, record, wanted)
    if record is not None and not missing:
        return EmbedReport(record, texts, 0, 0, recovered)
    progress = _Progress(on_progress, sum(missing.values()))
    verb = "asking" if is_served(encoder_name) else "loading"
    on_progress(f"{verb} {encoder_name}", 0, 0, "")
    with store.writer() as writer:
        encoder: TextEncoder
        if is_served(encoder_name):
            encoder = open_served(encoder_name, base_url, record, progress.wait)
            # whatever is paid for has its record, so that the next run knows whose it is
            writer.commit({}, encoders={encoder.record.encoder_id: asdict(encoder.record)})
        else:
            encoder = load_encoder(encoder_name)
        for id_range in missing:
            _embed(store, writer, encoder, wanted, id_range, progress)
    cut = None if encoder.record.max_tokens is None else progress.truncated
    return EmbedReport(encoder.record, texts, progress.done, cut, recovered, encoder.tokens)


def _recover(store: Store) -> int:
    """Commit what a run was paid for and could not commit. Returns: how many texts that were."""
    if not vector_journals(store.path):
        return 0
    with store.writer() as writer:
        return writer.recover_vectors()


def texts_within(texts: Iterable[str], id_range: TextIdRange) -> Texts:
    """Those of some texts that lie in a range."""
    return {key: text for text in texts if (key := text_id(text)) in id_range}


@dataclass
class _Progress:
    """What was embedded so far, told piece by piece."""

    on_progress: OnProgress
    total: int
    done: int = 0
    truncated: int = 0
    waits: str = ""  # what for

    def add(self, embedded: pa.Table) -> None:
        self.done += len(embedded)
        self.truncated += sum(filter(None, embedded["truncated"].to_pylist()))
        self.on_progress("embedding", self.done, self.total, self.waits)

    def wait(self, what: str) -> None:
        """Listen to a server that everybody waits for."""
        self.waits = what
        self.on_progress("embedding", self.done, self.total, what)


class _Chunk:
    """What is embedded of the texts that are committed together."""

    def __init__(self, record: EncoderRecord, progress: _Progress) -> None:
        self._max_tokens, self._progress = record.max_tokens, progress
        self.journal: VectorJournal | None = None
        self.texts: list[str] = []
        self.pieces = [embedding_schema(record.dim).empty_table()]

    def add(
        self, texts: Sequence[str], vectors: NDArray[np.float32], n_tokens: NDArray[np.int32] | None
    ) -> None:
        """Listen to ``TextEncoder.encode``; what is paid for is on disk before it counts."""
        if self.journal is not None:
            self.journal.append(texts, vectors)
        piece = embedding_table(texts, vectors, n_tokens, self._max_tokens)
        self.texts += texts
        self.pieces.append(piece)
        self._progress.add(piece)


def _embed(
    store: Store,
    writer: StoreWriter,
    encoder: TextEncoder,
    wanted: WantedTexts,
    id_range: TextIdRange,
    progress: _Progress,
) -> None:
    """Embed what is missing of one range, which another writer may have done by now.

    Whatever ends it, what was embedded is committed.
    """
    writer.narrow(id_range)
    record = encoder.record
    _, missing = _missing(store, record, wanted, id_range)
    texts = _texts(store, missing, id_range)
    while texts_of_chunk := list(islice(texts, ENCODE_CHUNK)):
        chunk = _Chunk(record, progress)
        if encoder.is_paid:
            chunk.journal = writer.start_vector_journal(_new_run_id(), record.encoder_id)
        try:
            encoder.encode(texts_of_chunk, chunk.add)
        finally:
            if chunk.texts:
                # else the store has them all
                new = any(missing[text_id(text)] is not None for text in chunk.texts)
                writer.commit(
                    {"texts": text_table(chunk.texts)} if new else {},
                    embeddings={record.encoder_id: pa.concat_tables(chunk.pieces)},
                    encoders={record.encoder_id: asdict(record)},
                )
            if chunk.journal is not None:
                chunk.journal.close()
                writer.remove_vector_journal(chunk.journal.path)
        _release()


def _new_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(4)}"


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
