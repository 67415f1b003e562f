"""What a text encoder is: texts in, unit vectors out, and a record that pins it.

In:  texts.
Out: float32 unit rows [N, D], token counts, and a record that says exactly which encoder it was.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import CorruptError
from langseg.cache.keys import canonical_json, sha256_hex

BATCH = 64  # texts that go through a model at once


@dataclass(frozen=True, kw_only=True)
class EncoderRecord:
    """What makes two encoders the same; stored as ``encoders/<encoder_id>.json``.

    ``max_tokens`` is where the encoder silently cuts a text; ``image_aligned`` says whether its
    space is shared with an image encoder (a zero-shot bank needs that).
    """

    model: str
    weights_sha256: str
    dim: int
    max_tokens: int
    prompt: str
    normalised: bool
    image_aligned: bool

    @property
    def encoder_id(self) -> str:
        """The model's short name and 12 digits of the record's hash: safe as a folder's name."""
        name = "".join(
            c if c.isascii() and c.isalnum() else "-" for c in Path(self.model).name.lower()
        )
        return f"{name}-{sha256_hex(canonical_json(asdict(self)))[:12]}"


class TextEncoder(ABC):
    """A loaded text encoder, in eval mode, on one device."""

    def __init__(self, record: EncoderRecord) -> None:
        self.record = record

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Unit rows [N, D] in the order of ``texts``, and how many tokens each text has.

        A text with more tokens than ``record.max_tokens`` was cut by the encoder. A batch holds
        texts of like length, whatever their order here.
        The whole result is in memory (4 D bytes a text): callers chunk and flush.
        Raises: CorruptError, if a vector is not finite or not of unit length.
        """
        if not texts:
            return np.zeros((0, self.record.dim), np.float32), np.zeros(0, np.int32)
        vectors, n_tokens = self._encode(list(texts))
        if not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3):
            raise CorruptError(
                f"text encoder {self.record.model}: wanted finite unit vectors, got others; "
                "its weights are damaged, remove them and load again"
            )
        return vectors, n_tokens

    @abstractmethod
    def _encode(self, texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """As ``encode``, of at least one text."""
