"""Ask a trained model: one picture in, one mask out. Loaded once, asked often.

In:  uint8 [H, W, 3] as ``decode_image`` gives it, and maybe the name of its scene.
Out: Prediction: class indices at the picture's own size, and what the model thinks of the scene.

The picture is resized to ``short_side`` (long side at most 4 x that) and stretched, by less than
half a patch, to whole patches; no pixel is padded. ``whole`` reads it at once. ``slide`` reads
square windows and averages their stride-4 logits, each window judging its scene by itself.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import UsageError
from langseg.segmenter.backbones.vit import FrozenViT
from langseg.segmenter.data.images import resize_to_units
from langseg.segmenter.data.pixels import unit_floats
from langseg.segmenter.heads.base import STRIDE, input_unit
from langseg.segmenter.inference.argmax import argmax_upsampled
from langseg.segmenter.inference.windows import windows
from langseg.segmenter.model.checkpoint import Loaded, State, check_fits, load_checkpoint
from langseg.segmenter.text.collapse import BankTensors, scene_index

MODES = ("whole", "slide")
WINDOW_BATCH = 8


@dataclass(frozen=True, eq=False)
class Prediction:
    """``mask`` [H, W] int64 class indices, 0..C-1; ``scenes`` the p(s|g) of each scene of the
    bank (empty for a head that reads no text); ``g`` [D] the unit scene token, or None."""

    mask: NDArray[np.int64]
    scenes: dict[str, float]
    g: NDArray[np.float32] | None


class Segmenter:
    """A loaded checkpoint and a bank. Holds no state of a picture: calls may come in any order.

    Args:
        short_side: pixels; the default is the one that the head was trained at.
        mode: ``whole`` or ``slide``; ``window``: side of a sliding window in pixels (default
            ``short_side``), two thirds of which is the step.
    """

    def __init__(
        self, loaded: Loaded, *, short_side: int | None = None, mode: str = "whole",
        window: int | None = None,
    ) -> None:  # fmt: skip
        if mode not in MODES:
            raise UsageError(f"mode {mode!r}: wanted one of {', '.join(MODES)}")
        self.loaded, self.mode = loaded, mode
        self.bank = loaded.bank
        self.short_side = short_side or _trained_side(loaded.state)
        self.window = window or self.short_side
        self._model = loaded.model
        self.device = next(loaded.model.buffers()).device
        self._tensors = BankTensors.of(loaded.bank, self.device)
        self._unit = input_unit(loaded.model.backbone.patch)

    @classmethod
    def load(
        cls, path: Path, *, bank: TextBank | None = None, backbone: FrozenViT | None = None,
        device: torch.device | str = "cpu", short_side: int | None = None, mode: str = "whole",
        window: int | None = None,
    ) -> Self:  # fmt: skip
        """Arguments and errors as for ``load_checkpoint`` and the class."""
        loaded = load_checkpoint(path, bank=bank, backbone=backbone, device=device)
        return cls(loaded, short_side=short_side, mode=mode, window=window)

    def with_bank(self, bank: TextBank) -> "Segmenter":
        """The same model asked with another vocabulary. Raises: CorruptError, if it cannot be."""
        check_fits(self.loaded.state, bank)
        loaded = Loaded(self._model, bank, self.loaded.state)
        return Segmenter(loaded, short_side=self.short_side, mode=self.mode, window=self.window)

    @torch.inference_mode()
    def segment(self, image: NDArray[np.uint8], scene: str | None = None) -> Prediction:
        """Args: scene: a scene of the bank, "*" for none; None lets the model tell.

        Raises: UsageError, for a scene that the bank does not know.
        """
        known = scene_index(self.bank, scene)
        logits, scenes, g = self._logits(self._to_tensor(image), known)
        mask = argmax_upsampled(logits, image.shape[:2])
        named = () if scenes is None else zip(self.bank.scenes, scenes.tolist(), strict=True)
        return Prediction(mask.cpu().numpy(), dict(named), None if g is None else g.cpu().numpy())

    def _to_tensor(self, image: NDArray[np.uint8]) -> Tensor:
        """[H, W, 3] -> [3, H', W'] in 0..1, sides rounded to whole units."""
        picture = resize_to_units(image, self.short_side, self._unit)
        return unit_floats(torch.from_numpy(picture).to(self.device))

    def _logits(self, image: Tensor, known: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """[3, H', W'] -> logits [C, H'/4, W'/4], scene probabilities [S], scene token [D]."""
        height, width = image.shape[-2:]
        side = max(height, width) if self.mode == "whole" else self.window
        boxes = windows(height, width, side, self._unit)
        total = image.new_zeros(len(self.bank.names), height // STRIDE, width // STRIDE)
        count = image.new_zeros(total.shape[1:])
        outputs = []
        for first in range(0, len(boxes), WINDOW_BATCH):
            some = boxes[first : first + WINDOW_BATCH]
            crops = torch.stack([image[:, y : y + h, x : x + w] for y, x, h, w in some])
            scene_rows = torch.full((len(some),), known, device=image.device)
            outputs.append(self._model(crops, self._tensors, scene_rows))
            for box, logits in zip(some, outputs[-1].logits, strict=True):
                y, x, h, w = (side // STRIDE for side in box)
                total[:, y : y + h, x : x + w] += logits
                count[y : y + h, x : x + w] += 1
        scenes, g = (
            _mean([getattr(output, name) for output in outputs]) for name in ("scenes", "g")
        )
        return total / count, scenes, None if g is None else F.normalize(g, dim=0)


def _trained_side(state: State) -> int:
    return int(state.config["feature_side"] or state.config["crop"])


def _mean(parts: list[Tensor | None]) -> Tensor | None:
    """Mean over all windows, or None for a head that does not give this."""
    given = [part for part in parts if part is not None]
    return torch.cat(given).mean(dim=0) if given else None
