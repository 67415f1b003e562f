"""Read the vectors that a store holds of texts, and fill in those it lacks.

In:  a store, and the name of a text encoder whose vectors it holds.
Out: vectors of texts, from the store; the encoder is loaded, once, only for those it does not
     hold.

What is not in the store is rounded as the store rounds, so that no number depends on where a
vector came from. Nothing is written.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import UsageError
from langseg.cache.keys import normalise_text, text_id
from langseg.cache.store.store import Store
from langseg.descriptors.encoders.base import EncoderRecord, TextEncoder
from langseg.descriptors.encoders.load import load_encoder, record_to_read


def stored_vectors(
    store: Store, record: EncoderRecord, texts: Iterable[str]
) -> dict[str, NDArray[np.float16]]:
    """text_id -> unit row [D], of those of these texts that the store holds one of."""
    wanted = {text_id(text) for text in texts}
    vectors: dict[str, NDArray[np.float16]] = {}
    for piece in store.stream_embeddings(record.encoder_id, ("text_id", "emb")):
        keys = piece["text_id"].to_pylist()
        rows = np.flatnonzero([key in wanted for key in keys])
        flat = piece["emb"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        mine = flat.reshape(-1, record.dim)[rows]  # a copy, so that the piece is let go
        vectors |= zip((keys[row] for row in rows), mine, strict=True)
    return vectors


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """The vectors that a store holds of one encoder: read when they are asked for, and no others.

    Each question reads the store's once, a piece at a time.
    """

    encoder_name: str
    record: EncoderRecord
    store: Store

    def find(
        self, texts: Sequence[str]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float16], list[bool]]:
        """Which of the texts have a vector [N], the vectors of those [M, D], and which were cut."""
        ids = [text_id(text) for text in texts]
        known = stored_vectors(self.store, self.record, texts)
        has = np.array([key in known for key in ids], np.bool_)
        embedded = [key for key in ids if key in known]
        vectors = np.zeros((len(embedded), self.record.dim), np.float16)
        for row, key in enumerate(embedded):
            vectors[row] = known[key]
        cut = self._cut(known)
        return has, vectors, [key in cut for key in embedded]

    def _cut(self, ids: Container[str]) -> set[str]:
        """Those of some ids whose text the encoder cut."""
        columns = ("text_id", "truncated")
        pieces = self.store.stream_embeddings(self.record.encoder_id, columns)
        cut = (piece.filter(piece["truncated"])["text_id"].to_pylist() for piece in pieces)
        return {key for keys in cut for key in keys if key in ids}

    def vectors_of(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """[N, D]. Raises: LangSegError, when one is not in the store and no encoder can be had."""
        wanted = {text: normalise_text(text) for text in texts}
        unique = list(dict.fromkeys(wanted.values()))
        has, known, _ = self.find(unique)
        vectors = np.zeros((len(unique), self.record.dim), np.float16)
        vectors[has] = known
        if not has.all():
            missing = [text for text, there in zip(unique, has, strict=True) if not there]
            vectors[~has] = self._encoder.encode(missing)[0].astype(np.float16)
        at = {text: row for row, text in enumerate(unique)}
        return vectors[[at[wanted[text]] for text in texts]]

    @cached_property
    def _encoder(self) -> TextEncoder:
        encoder = load_encoder(self.encoder_name)
        if encoder.record.encoder_id != self.record.encoder_id:
            raise UsageError(
                f"{self.encoder_name} is another than {self.record.encoder_id} of the store"
            )
        return encoder


def open_vectors(store: Store, encoder_name: str) -> StoredVectors | None:
    """None where the store holds no vector of the encoder that the name stands for now."""
    record = record_to_read(encoder_name, store.encoders().values())
    if record is None:
        return None
    return StoredVectors(encoder_name, record, store)
