"""Hold what a model says of a picture before it is brought to the picture's size.

In:  a value for every class in every cell of a coarse grid over the picture.
Out: the class of every pixel, how sure the model is of it, and by how much it won.

All is that of the values interpolated bilinearly to the pixels, and none of it ever holds every
class at every pixel.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.segmenter.inference.argmax import argmax_upsampled

_BAND_FLOATS = 1 << 21  # 8 MiB of interpolated values at a time: what fits in a cache is fast


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassMap:
    """What a model says of one picture.

    ``values`` float32 [C, h, w]: logits, or probabilities where those were averaged; ``scenes``
    p(s|g) [S] and ``g`` the unit scene token [D], None for a head that reads no text.
    """

    values: Tensor
    are_probabilities: bool
    scenes: Tensor | None
    g: Tensor | None

    def mask(self, size: tuple[int, int]) -> Tensor:
        """The class int64 [H, W] of every pixel; see ``argmax_upsampled``."""
        return argmax_upsampled(self.values, size)

    def class_confidence(self, mask: Tensor) -> Tensor:
        """[C]: the mean probability of a class (in the cells nearest to the pixels) over the
        pixels that it won; nan where it won none."""
        classes, h, w = self.values.shape
        height, width = mask.shape
        columns = torch.arange(width, device=mask.device) * w // width
        total = torch.zeros(classes, dtype=torch.float64)  # on the CPU: Apple's GPUs have none
        count = torch.zeros_like(total)
        step = max(1, _BAND_FLOATS // width)
        for top in range(0, height, step):
            won_by = mask[top : top + step]
            rows = torch.arange(top, top + len(won_by), device=mask.device) * h // height
            cell = rows[:, None] * w + columns
            won = self.values.flatten()[won_by * (h * w) + cell]
            if not self.are_probabilities:
                won = (won - self.values.logsumexp(dim=0).flatten()[cell]).exp()
            won_by = won_by.flatten().cpu()
            weights = won.flatten().cpu().double()
            total += torch.bincount(won_by, weights=weights, minlength=classes)
            count += torch.bincount(won_by, minlength=classes)
        return (total / count).float()

    def certainty(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Of every pixel [H, W] the probability of its class in ``mask``, and by how much its
        value is above the next class's (infinite where there is one class only)."""
        confidence, margin = (
            torch.empty(mask.shape, device=mask.device, dtype=torch.float32) for _ in range(2)
        )
        classes, h, _ = self.values.shape
        height, width = mask.shape
        step = max(1, _BAND_FLOATS // (classes * width))
        for top in range(0, height, step):
            band = slice(top, min(top + step, height))
            rows = torch.arange(band.start, band.stop, device=mask.device)
            place = ((rows + 0.5) * (h / height) - 0.5).clamp(min=0)  # as interpolate has it
            above = place.long().clamp(max=h - 1)
            below = (above + 1).clamp(max=h - 1)
            first, last = int(above[0]), int(below[-1]) + 1
            lines = self.values[None, :, first:last]
            lines = F.interpolate(lines, (last - first, width), mode="bilinear")[0]
            share = (place - above)[:, None]
            values = torch.lerp(lines[:, above - first], lines[:, below - first], share)
            won = mask[None, band]
            best = values.gather(0, won)[0]
            values.scatter_(0, won, -torch.inf)
            margin[band] = best - values.amax(dim=0)
            if self.are_probabilities:
                confidence[band] = best
            else:
                others = values.sub_(best).exp_().sum(dim=0)
                confidence[band] = 1 / (1 + others)
        return confidence, margin
