"""Sentence encoders: any model that sentence-transformers can load from a folder.

In:  a folder with such a model, its weights in safetensors.
Out: a ``TextEncoder`` of its sentence vectors, which no image encoder shares.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import InputError
from langseg.descriptors.encoders.base import BATCH, EncoderRecord, LoadedEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class SentenceEncoder(LoadedEncoder):
    """A sentence-transformers model."""

    def __init__(self, model: "SentenceTransformer", record: EncoderRecord) -> None:
        super().__init__(record)
        self.model = model

    def _encode(self, texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        ids = self.model.tokenizer(texts, truncation=False, verbose=False)["input_ids"]
        vectors = self.model.encode(
            texts, normalize_embeddings=True, show_progress_bar=False, batch_size=BATCH
        )
        return np.asarray(vectors, np.float32), np.asarray([len(row) for row in ids], np.int32)


def load_sentence(
    name: str, model_name: str, folder: Path, weights_sha256: str, device: str | None = None
) -> SentenceEncoder:
    """Load the sentence-transformers model in a folder; ``model_name`` is what its record says.

    Raises: InputError, when the folder holds no such model.
    """
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    # its bar would write over ours, and also where there is no terminal
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError) as exc:
        raise InputError(
            f"text encoder {name!r}: not a sentence-transformers model ({exc})"
        ) from exc
    model.eval()
    record = EncoderRecord(
        model=model_name,
        weights_sha256=weights_sha256,
        dim=int(model.get_embedding_dimension() or 0),
        max_tokens=int(model.max_seq_length or 0),
        prompt="",
        normalised=True,
        image_aligned=False,
    )
    return SentenceEncoder(model, record)
