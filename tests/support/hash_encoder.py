"""A text encoder that costs nothing: its vectors are the hashes of the texts.

In:  an empty folder, which then stands for the encoder's weights.
Out: unit rows that tell one text from another, the same in every process.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from langseg.cache.files import sha256_of
from langseg.descriptors.encoders.base import EncoderRecord, LoadedEncoder
from langseg.descriptors.encoders.load import WEIGHTS

MAX_TOKENS = 8  # words


class HashEncoder(LoadedEncoder):
    """Its name is its folder's."""

    def __init__(self, folder: Path, dim: int = 32) -> None:
        folder.mkdir(exist_ok=True)
        weights = folder / WEIGHTS
        weights.write_bytes(b"none")
        record = EncoderRecord(
            model=str(folder), weights_sha256=sha256_of(weights), dim=dim, max_tokens=MAX_TOKENS,
            prompt="", normalised=True, image_aligned=False,
        )  # fmt: skip
        super().__init__(record)

    def _encode(self, texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        rows = np.stack([self.vector(text) for text in texts])
        return rows, np.asarray([len(text.split()) for text in texts], np.int32)

    def vector(self, text: str) -> NDArray[np.float32]:
        digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.int8)
        row = np.resize(digest, self.record.dim).astype(np.float32)
        return row / np.float32(np.linalg.norm(row))
