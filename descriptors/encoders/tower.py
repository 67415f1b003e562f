"""The text towers of CLIP and SigLIP: unit vectors in the space that their images share.

In:  a folder with a model of one of these kinds, whole or its text tower alone, in safetensors.
Out: a ``TextEncoder`` of the projected, pooled output.

CLIP reads a text at its end mark, so padding changes nothing; SigLIP was trained on texts padded
to its full length, without a mask, and reads the last place: another padding is another vector.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import InputError
from langseg.descriptors.encoders.base import BATCH, EncoderRecord, LoadedEncoder

if TYPE_CHECKING:
    from torch import Tensor

_TYPES = {"clip": ("clip", "clip_text_model"), "siglip": ("siglip", "siglip_text_model")}


class TowerEncoder(LoadedEncoder):
    """A text tower; ``kind`` is ``clip`` or ``siglip``."""

    def __init__(self, kind: str, model: Any, tokenizer: Any, record: EncoderRecord) -> None:
        super().__init__(record)
        self._kind = kind
        self._model = model
        self._tokenizer = tokenizer

    def _encode(self, texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        ids = self._tokenizer(texts, truncation=False, verbose=False)["input_ids"]
        n_tokens = np.asarray([len(row) for row in ids], np.int32)
        vectors = np.empty((len(texts), self.record.dim), np.float32)
        order = np.argsort(n_tokens, kind="stable")
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows] = self._pooled([texts[row] for row in rows]).cpu().numpy()
        return vectors, n_tokens

    def _pooled(self, texts: list[str]) -> "Tensor":
        import torch

        siglip = self._kind == "siglip"
        tokens = self._tokenizer(
            texts,
            padding="max_length" if siglip else "longest",
            truncation=True,
            max_length=self.record.max_tokens,
            return_tensors="pt",
        ).to(self._model.device)
        with torch.inference_mode():
            if siglip:
                pooled = self._model(input_ids=tokens["input_ids"]).pooler_output
            else:
                pooled = self._model(
                    input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
                ).text_embeds
            return torch.nn.functional.normalize(pooled.float(), dim=-1)


def load_tower(
    name: str, kind: str, folder: Path, weights_sha256: str, device: str | None = None
) -> TowerEncoder:
    """Load the text tower in a folder; no code of the folder is run, no pickle is read.

    Raises: InputError, unless the folder holds a whole text tower of that kind and its tokenizer.
    """
    import torch
    from safetensors import SafetensorError
    from transformers.utils import logging

    # a whole model has weights of images, too; what is missing is told below
    before = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model, tokenizer = _loaded(kind, folder)
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as exc:
        why = next(iter(str(exc).strip().splitlines()), type(exc).__name__)
        raise InputError(f"text encoder {name!r}: not a {kind} text tower ({why})") from exc
    finally:
        logging.set_verbosity(before)
    config = model.config
    record = EncoderRecord(
        model=name,
        weights_sha256=weights_sha256,
        dim=int(config.projection_dim if kind == "clip" else config.projection_size),
        max_tokens=int(config.max_position_embeddings),
        prompt="",
        normalised=True,
        image_aligned=True,
    )
    model.eval().to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return TowerEncoder(kind, model, tokenizer, record)


def _loaded(kind: str, folder: Path) -> tuple[Any, Any]:
    """Raises: ValueError, for a model of another kind and for a tower that is not whole."""
    import torch
    from transformers import AutoConfig, CLIPTextModelWithProjection, SiglipTextModel

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if config.model_type not in _TYPES[kind]:
        raise ValueError(f"its configuration is that of {config.model_type!r}")
    tower: Any = CLIPTextModelWithProjection if kind == "clip" else SiglipTextModel
    model, report = tower.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    if report["missing_keys"]:
        raise ValueError(f"{len(report['missing_keys'])} weights are missing")
    tokenizer = _tokenizer(kind, folder)
    if tokenizer.pad_token_id is None:
        raise ValueError("its tokenizer has no padding token")
    return model, tokenizer


def _tokenizer(kind: str, folder: Path) -> Any:
    """SigLIP's own class needs a library of its own, and ``tokenizer.json`` none."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if kind == "siglip" and (folder / "tokenizer.json").is_file():
        return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
