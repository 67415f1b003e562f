"""What a text encoder is: texts in, unit vectors out, and a record that pins it.

In:  texts.
Out: float32 unit rows [N, D], token counts, and a record that says exactly which encoder it was.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import CorruptError
from langseg.cache.keys import canonical_json, sha256_hex

BATCH = 64  # texts that go through a model at once
_PIECE = 4 * BATCH  # texts whose vectors are handed on together

# takes texts, their unit rows [N, D] and their token counts [N] as soon as they are there; a server
# does not tell the counts
OnPiece = Callable[[Sequence[str], NDArray[np.float32], NDArray[np.int32] | None], object]


@dataclass(frozen=True, kw_only=True)
class EncoderRecord:
    """What makes two encoders the same; stored as ``encoders/<encoder_id>.json``.

    ``max_tokens`` is where the encoder silently cuts a text, None where nobody tells;
    ``image_aligned`` says whether its space is shared with an image encoder (a zero-shot bank
    needs that). Whatever the model gives, its rows are ``normalised`` here. Where there are no
    weights to hash, the ``probe`` stands for them (``served``).
    """

    model: str
    weights_sha256: str
    dim: int
    max_tokens: int | None
    prompt: str
    normalised: bool
    image_aligned: bool
    probe: str = ""

    @property
    def encoder_id(self) -> str:
        """The model's short name and 12 digits of the record's hash: safe as a folder's name."""
        name = "".join(
            c if c.isascii() and c.isalnum() else "-" for c in Path(self.model).name.lower()
        )
        return f"{name}-{sha256_hex(canonical_json(asdict(self)))[:12]}"


def no_piece(
    texts: Sequence[str], vectors: NDArray[np.float32], n_tokens: NDArray[np.int32] | None
) -> None:
    """Nobody waits for pieces."""


class TextEncoder(ABC):
    """A text encoder: loaded, in eval mode, on one device; or a server.

    ``is_paid``: what it gave must survive a kill.
    """

    is_paid = False

    def __init__(self, record: EncoderRecord) -> None:
        self.record = record

    @property
    def tokens(self) -> int | None:
        """How many a server says it used so far; None where nobody tells."""
        return None

    @abstractmethod
    def encode(
        self, texts: Sequence[str], on_piece: OnPiece = no_piece
    ) -> tuple[NDArray[np.float32], NDArray[np.int32] | None]:
        """Unit rows [N, D] in the order of ``texts``, and how many tokens each text has.

        The whole result is in memory (4 D bytes a text): callers chunk and flush.
        """


class LoadedEncoder(TextEncoder):
    """A model in this process."""

    def encode(
        self, texts: Sequence[str], on_piece: OnPiece = no_piece
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """As ``TextEncoder.encode``. A text with more tokens than ``record.max_tokens`` was cut by
        the encoder. A piece holds texts of like length, whatever their order here.

        Raises: CorruptError, if a vector is not finite or not of unit length.
        """
        vectors = np.zeros((len(texts), self.record.dim), np.float32)
        n_tokens = np.zeros(len(texts), np.int32)
        by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for start in range(0, len(texts), _PIECE):
            rows = by_length[start : start + _PIECE]
            piece = [texts[row] for row in rows]
            vectors[rows], n_tokens[rows] = self._encode(piece)
            if not np.allclose(np.linalg.norm(vectors[rows], axis=1), 1.0, atol=1e-3):
                raise CorruptError(
                    f"text encoder {self.record.model}: wanted finite unit vectors, got others; "
                    "its weights are damaged, remove them and load again"
                )
            on_piece(piece, vectors[rows], n_tokens[rows])
        return vectors, n_tokens

    @abstractmethod
    def _encode(self, texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """As ``encode``, of at least one text."""
