"""Give what the phrases of a vocabulary are measured by: the vectors of what its classes mean.

In:  a store, and the name of a text encoder whose vectors it holds.
Out: vectors of texts, from the store; the encoder is loaded only for those it does not hold.

What is not in the store is rounded as the store rounds, so that no number depends on where a
vector came from. Nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langseg.cache.errors import UsageError
from langseg.cache.keys import text_id

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from langseg.cache.store import Store
    from langseg.descriptors.text_encoder import EncoderRecord
    from langseg.descriptors.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Yardstick:
    """``meanings`` [C, D] are unit vectors; ``rivals`` [C] are rows, as ``find_rivals`` has them.

    It comes from the vocabulary and the encoder alone, so that it is one for every set.
    """

    meanings: "NDArray[np.float32]"
    rivals: "list[NDArray[np.intp]]"


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """Everything that a store holds of one encoder: ``text_id``, ``emb`` and ``truncated``."""

    record: "EncoderRecord"
    table: "pa.Table"

    def find(
        self, texts: Sequence[str]
    ) -> "tuple[NDArray[np.bool_], NDArray[np.float16], list[bool]]":
        """Which of the texts have a vector [N], the vectors of those [M, D], and which were cut."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array([text_id(text) for text in texts], pa.string())
        at = pc.index_in(wanted, value_set=self.table["text_id"])
        taken = self.table.take(at.drop_null()).combine_chunks()
        vectors = taken["emb"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        has = at.is_valid().to_numpy(zero_copy_only=False)
        return has, vectors.reshape(-1, self.record.dim), taken["truncated"].to_pylist()


def open_vectors(store: "Store", encoder_name: str) -> StoredVectors | None:
    """None where the store holds no vector of an encoder of that name."""
    from langseg.descriptors.text_encoder import EncoderRecord, full_name

    known = [EncoderRecord(**record) for record in store.encoders().values()]
    record = next((one for one in known if one.model == full_name(encoder_name)), None)
    if record is None:
        return None
    columns = ("text_id", "emb", "truncated")
    return StoredVectors(record, store.embeddings(record.encoder_id, columns))


def yardstick(stored: StoredVectors, vocabulary: "Vocabulary", encoder_name: str) -> Yardstick:
    """Raises: LangSegError, when a text is not in the store and the encoder cannot be loaded."""
    from langseg.descriptors.contrast import class_text
    from langseg.descriptors.rivals import find_rivals, meaning_text

    entries = vocabulary.classes
    texts = [class_text(entry) for entry in entries] + [meaning_text(entry) for entry in entries]
    vectors = _vectors(stored, texts, encoder_name)
    names, meanings = vectors[: len(entries)], vectors[len(entries) :]
    return Yardstick(meanings, find_rivals(vocabulary, names))


def _vectors(
    stored: StoredVectors, texts: Sequence[str], encoder_name: str
) -> "NDArray[np.float32]":
    import numpy as np

    has, known, _ = stored.find(texts)
    vectors = np.zeros((len(texts), stored.record.dim), np.float32)
    vectors[has] = known
    if not has.all():
        missing = [text for text, there in zip(texts, has, strict=True) if not there]
        vectors[~has] = _encoded(stored.record, missing, encoder_name)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _encoded(
    record: "EncoderRecord", texts: Sequence[str], encoder_name: str
) -> "NDArray[np.float16]":
    import numpy as np

    from langseg.cache.keys import normalise_text
    from langseg.descriptors.text_encoder import load_encoder

    encoder = load_encoder(encoder_name)
    if encoder.record.encoder_id != record.encoder_id:
        raise UsageError(f"{encoder_name} is another than {record.encoder_id} of the store")
    vectors, _ = encoder.encode([normalise_text(text) for text in texts])
    return vectors.astype(np.float16)
