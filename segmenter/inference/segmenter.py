"""Ask a trained model: one picture in, one mask out. Loaded once, asked often.

In:  a picture (``data.images.pixels_of``), and maybe the name of its scene.
Out: Segmentation: class indices at the picture's own size, and what the model thinks of the scene;
     or, before it is brought to that size, a ClassMap.

How the picture is read is a ``Reading``. It is stretched, by less than half a patch, to whole
patches; no pixel is padded. Each window, scale and mirror image judges its scene by itself. The
maps of several scales are brought, bilinearly, to the grid of the largest and averaged there: the
mask is exactly the interpolated average map's best class, which is not quite what averaging maps
of full size would give.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import UsageError
from langseg.segmenter.backbones.vit import Features, FrozenViT
from langseg.segmenter.data.images import Picture, pixels_of, resize_to_units
from langseg.segmenter.data.pixels import unit_floats
from langseg.segmenter.heads.base import STRIDE, HeadOutput, input_unit
from langseg.segmenter.inference.class_map import ClassMap
from langseg.segmenter.inference.palette import class_colours
from langseg.segmenter.inference.reading import Reading
from langseg.segmenter.inference.segmentation import Segmentation
from langseg.segmenter.inference.windows import window_side, windows
from langseg.segmenter.model.checkpoint import Loaded, State, check_fits, load_checkpoint
from langseg.segmenter.text.collapse import BankTensors, scene_index, trained_as

WINDOW_BATCH = 8
WHOLE = Reading()


class Segmenter:
    """A loaded checkpoint and a bank. Holds no state of a picture: calls may come in any order.

    ``reading`` is the one given with every size settled, in pixels as they are used; a side of
    what the backbone sees is a multiple of ``unit``.

    Raises: UsageError, for a stride above the window, of which whole patches are taken.
    """

    def __init__(self, loaded: Loaded, reading: Reading = WHOLE) -> None:
        self.loaded, self.bank = loaded, loaded.bank
        self.colours = class_colours(loaded.bank.names, loaded.bank.vocabulary)
        self._model = loaded.model
        self.device = next(loaded.model.buffers()).device
        self._tensors = BankTensors.of(loaded.bank, self.device)
        self.unit = input_unit(loaded.model.backbone.patch)
        short_side = reading.short_side or _trained_side(loaded.state)
        window = None
        if reading.mode == "slide":
            window = window_side(reading.window or short_side, self.unit)
            if reading.stride is not None and not STRIDE <= reading.stride <= window:
                raise UsageError(
                    f"stride: wanted {STRIDE} to {window} pixels, the window in whole patches, "
                    f"got {reading.stride}"
                )
        self.reading = replace(reading, short_side=short_side, window=window)
        self._short_side = short_side
        self._averages_probabilities = reading.average == "probabilities" and not reading.reads_once

    @classmethod
    def load(
        cls, path: Path, *, bank: TextBank | None = None, backbone: FrozenViT | None = None,
        weights: Path | None = None, device: torch.device | str = "cpu", reading: Reading = WHOLE,
    ) -> Self:  # fmt: skip
        """Arguments and errors as for ``load_checkpoint`` and the class."""
        loaded = load_checkpoint(path, bank=bank, backbone=backbone, weights=weights, device=device)
        return cls(loaded, reading)

    def with_bank(self, bank: TextBank, of: Sequence[int] | None = None) -> "Segmenter":
        """The same model asked with another vocabulary.

        Args: of: for each of its classes the place of the present one that it is a part of, as one
        phrase of it; a head takes it for trained or new as it takes that one.
        Raises: CorruptError, if it cannot be.
        """
        check_fits(self.loaded.state, bank)
        other = Segmenter(Loaded(self._model, bank, self.loaded.state), self.reading)
        if of is not None:
            whole = trained_as(self._tensors)[list(of)]
            other._tensors = replace(other._tensors, stands_for=whole)
        return other

    def segment(self, picture: Picture, scene: str | None = None) -> Segmentation:
        """Segment one picture. Arguments and errors as for ``look``."""
        image = pixels_of(picture)
        seen = self.look(image, scene)
        mask = seen.mask(image.shape[:2])
        scenes = () if seen.scenes is None else seen.scenes.tolist()
        return Segmentation(
            image=image,
            mask=mask.cpu().numpy(),
            confidence=seen.class_confidence(mask).cpu().numpy(),
            names=self.bank.names,
            ids=self.bank.ids,
            colours=self.colours,
            scenes=dict(zip(self.bank.scenes, scenes, strict=False)),
            g=None if seen.g is None else seen.g.cpu().numpy(),
        )

    @torch.inference_mode()
    def features(self, picture: Picture) -> Features:
        """What the backbone says of the whole picture at its short side, a batch of one: with it
        ``look`` asks other words at the cost of the head.

        Raises: InputError, for a picture that cannot be used.
        """
        features: Features = self._model.features(self._to_tensor(pixels_of(picture), 1.0)[None])
        return features

    @torch.inference_mode()
    def look(
        self, picture: Picture, scene: str | None = None, features: Features | None = None
    ) -> ClassMap:
        """What the model says of one picture, on a coarse grid.

        Args:
            picture: a path, a Pillow image, or an array [H, W, 3] of uint8 RGB; see ``pixels_of``.
            scene: a scene of the bank, "*" for none; None lets the model tell.
            features: what the backbone says of the whole picture at its short side, a batch of
                one, where that is known already; only where the picture is read once.

        Raises: UsageError, for a scene that the bank does not know; InputError, for a picture that
        cannot be used.
        """
        known = scene_index(self.bank, scene)
        if features is not None:
            assert self.reading.reads_once
            values, p, one_g = self._ask(features.to(self.device), known)
            return self._class_map(values[0], [p], [one_g])
        image = pixels_of(picture)
        total, readings = None, 0
        scenes: list[Tensor | None] = []
        g: list[Tensor | None] = []
        for scale in sorted(self.reading.scales, reverse=True):  # the largest first
            pixels = self._to_tensor(image, scale)
            for mirrored in (False, True) if self.reading.flip else (False,):
                values, *of_windows = self._read(pixels.flip(-1) if mirrored else pixels, known)
                values = values.flip(-1) if mirrored else values
                if total is not None and values.shape != total.shape:
                    values = F.interpolate(values[None], total.shape[1:], mode="bilinear")[0]
                total = values if total is None else total.add_(values)
                scenes += of_windows[0]
                g += of_windows[1]
                readings += 1
        assert total is not None
        return self._class_map(total if readings == 1 else total / readings, scenes, g)

    def _to_tensor(self, image: NDArray[np.uint8], scale: float) -> Tensor:
        """[H, W, 3] -> [3, H', W'] in 0..1, sides rounded to whole units."""
        picture = resize_to_units(image, max(1, round(self._short_side * scale)), self.unit)
        return unit_floats(torch.from_numpy(picture).to(self.device))

    def _read(
        self, image: Tensor, known: int
    ) -> tuple[Tensor, list[Tensor | None], list[Tensor | None]]:
        """[3, H', W'] -> values [C, H'/4, W'/4], averaged over windows; each one's p(s|g) and g."""
        height, width = image.shape[-2:]
        reading = self.reading
        side = reading.window or max(height, width)
        boxes = windows(height, width, side, self.unit, reading.stride, STRIDE)
        total = image.new_zeros(len(self.bank.names), height // STRIDE, width // STRIDE)
        count = image.new_zeros(total.shape[1:])
        scenes, gs = [], []
        for first in range(0, len(boxes), WINDOW_BATCH):
            some = boxes[first : first + WINDOW_BATCH]
            crops = torch.stack([image[:, y : y + h, x : x + w] for y, x, h, w in some])
            values, p, g = self._ask(crops, known)
            scenes.append(p)
            gs.append(g)
            for box, one in zip(some, values, strict=True):
                y, x, h, w = (side // STRIDE for side in box)
                total[:, y : y + h, x : x + w] += one
                count[y : y + h, x : x + w] += 1
        return total / count, scenes, gs

    def _ask(
        self, crops: Tensor | Features, known: int
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Values [B, C, h4, w4] of a batch, p(s|g) [B, S] and g [B, D]."""
        count = len(crops.cls if isinstance(crops, Features) else crops)
        scene_rows = torch.full((count,), known, device=self.device)
        output: HeadOutput = self._model(crops, self._tensors, scene_rows)
        values = output.logits.softmax(dim=1) if self._averages_probabilities else output.logits
        return values, output.scenes, output.g

    def _class_map(
        self, values: Tensor, scenes: list[Tensor | None], gs: list[Tensor | None]
    ) -> ClassMap:
        g = _mean(gs)
        return ClassMap(
            values=values,
            are_probabilities=self._averages_probabilities,
            scenes=_mean(scenes),
            g=None if g is None else F.normalize(g, dim=0),
        )


def _trained_side(state: State) -> int:
    return int(state.config["feature_side"] or state.config["crop"])


def _mean(parts: list[Tensor | None]) -> Tensor | None:
    """Mean over all windows, or None for a head that does not give this."""
    given = [part for part in parts if part is not None]
    return torch.cat(given).mean(dim=0) if given else None
