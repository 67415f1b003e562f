"""Give what the phrases of a vocabulary are measured by: vectors of what its classes are called.

In:  a store, and the name of a text encoder whose vectors it holds.
Out: vectors of texts, from the store; the encoder is loaded, once, only for those it does not
     hold.

What is not in the store is rounded as the store rounds, so that no number depends on where a
vector came from. Nothing is written.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from langseg.cache.errors import UsageError
from langseg.cache.keys import text_id

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from langseg.cache.store.store import Store
    from langseg.descriptors.encoders.base import EncoderRecord, TextEncoder
    from langseg.descriptors.vocabulary.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Yardstick:
    """Unit vectors [C, D] of ``contrast.class_text`` and ``rivals.meaning_text``; ``rivals`` [C]
    are rows, as ``find_rivals`` has them.

    It comes from the vocabulary and the encoder alone, so that it is one for every set.
    """

    names: "NDArray[np.float32]"
    meanings: "NDArray[np.float32]"
    rivals: "list[NDArray[np.intp]]"


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """The vectors that a store holds of one encoder: read when they are asked for, and no others.

    Each question reads the store's once, a piece at a time.
    """

    encoder_name: str
    record: "EncoderRecord"
    store: "Store"

    def find(
        self, texts: Sequence[str]
    ) -> "tuple[NDArray[np.bool_], NDArray[np.float16], list[bool]]":
        """Which of the texts have a vector [N], the vectors of those [M, D], and which were cut."""
        import numpy as np

        from langseg.pipelines.desc.encode import stored_vectors

        ids = [text_id(text) for text in texts]
        known = stored_vectors(self.store, self.record, texts)
        has = np.array([key in known for key in ids], np.bool_)
        found = [key for key in ids if key in known]
        vectors = np.zeros((len(found), self.record.dim), np.float16)
        for row, key in enumerate(found):
            vectors[row] = known[key]
        cut = self._cut(known)
        return has, vectors, [key in cut for key in found]

    def _cut(self, ids: Container[str]) -> set[str]:
        """Those of some ids whose text the encoder cut."""
        columns = ("text_id", "truncated")
        pieces = self.store.stream_embeddings(self.record.encoder_id, columns)
        cut = (piece.filter(piece["truncated"])["text_id"].to_pylist() for piece in pieces)
        return {key for keys in cut for key in keys if key in ids}

    def vectors_of(self, texts: Sequence[str]) -> "NDArray[np.float16]":
        """[N, D]. Raises: LangSegError, when one is not in the store and no encoder can be had."""
        import numpy as np

        from langseg.cache.keys import normalise_text

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
    def _encoder(self) -> "TextEncoder":
        from langseg.descriptors.encoders.load import load_encoder

        encoder = load_encoder(self.encoder_name)
        if encoder.record.encoder_id != self.record.encoder_id:
            raise UsageError(
                f"{self.encoder_name} is another than {self.record.encoder_id} of the store"
            )
        return encoder


def open_vectors(store: "Store", encoder_name: str) -> StoredVectors | None:
    """None where the store holds no vector of the encoder that the name stands for now."""
    from langseg.descriptors.encoders.load import record_to_read

    record = record_to_read(encoder_name, store.encoders().values())
    if record is None:
        return None
    return StoredVectors(encoder_name, record, store)


def yardstick(stored: StoredVectors, vocabulary: "Vocabulary") -> Yardstick:
    """Raises: LangSegError, when a text is not in the store and the encoder cannot be loaded."""
    import numpy as np

    from langseg.descriptors.prompts.contrast import class_text
    from langseg.descriptors.quality.rivals import find_rivals, meaning_text

    entries = vocabulary.classes
    texts = [class_text(entry) for entry in entries] + [meaning_text(entry) for entry in entries]
    vectors = stored.vectors_of(texts).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names, meanings = vectors[: len(entries)], vectors[len(entries) :]
    return Yardstick(names, meanings, find_rivals(vocabulary, names))
