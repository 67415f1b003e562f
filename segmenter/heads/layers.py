"""Layers that heads are built of.

In:  maps [B, d, h, w], or vectors in the last dimension.
Out: the same, mixed, narrower or finer.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langseg.segmenter.distributed import average_over_ranks, place
from langseg.segmenter.heads.base import STRIDE

MLP_RATIO = 2
MIN_VARIANCE = 1e-6
MAX_UP_WIDTH = 64  # at four times the places or more, width is dear


class SharedBatchNorm(nn.BatchNorm2d):
    """BatchNorm over the batches of all ranks, of an input that is not trained.

    torch's SyncBatchNorm wants a GPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        """x [B, d, h, w] to the same shape."""
        ranks = place()[1]
        if not self.training or ranks == 1:
            return super().forward(x)
        with torch.no_grad():
            mean = x.mean(dim=(0, 2, 3))
            average_over_ranks([mean])
            variance = (x - mean[:, None, None]).square().mean(dim=(0, 2, 3))
            average_over_ranks([variance])
            count = ranks * x[:, 0].numel()
            self._follow(self.running_mean, mean)
            self._follow(self.running_var, variance * count / max(1, count - 1))
        return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)

    def _follow(self, running: Tensor | None, value: Tensor) -> None:
        if running is not None and self.momentum is not None:
            running.lerp_(value, self.momentum)


class ResidualMLP(nn.Module):
    """x + MLP(x) over the last dimension, width -> width / 2 -> width; starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shrink = nn.Linear(width, width // 2)
        self.grow = nn.Linear(width // 2, width)
        nn.init.zeros_(self.grow.weight)
        nn.init.zeros_(self.grow.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x [..., width] to the same shape."""
        grown: Tensor = self.grow(F.gelu(self.shrink(x)))
        return x + grown


class Entrance(nn.Module):
    """One tap [B, d, h, w], standardised and brought to the head's width: [B, h, w, hidden].

    ``begin`` sets each channel's mean and mean square, once. On MSRC that was better than
    a LayerNorm by 4 to 6 mIoU (single runs) and as good as a BatchNorm, which sees other parts of a
    step and other processes.
    """

    mean: Tensor
    square: Tensor

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("square", torch.ones(width))
        self.drop = nn.Dropout1d(dropout)  # whole channels of a picture, as in DINOv3's probe
        self.enter = nn.Linear(width, hidden)

    @torch.no_grad()
    def begin(self, maps: Sequence[Tensor]) -> None:
        """Args: maps: [B, d, h, w] each, all of the same B, h and w."""
        self.mean.copy_(torch.stack([x.mean(dim=(0, 2, 3)) for x in maps]).mean(dim=0))
        squares = [x.square().mean(dim=(0, 2, 3)) for x in maps]
        self.square.copy_(torch.stack(squares).mean(dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """x [B, d, h, w] to [B, h, w, hidden]."""
        spread = (self.square - self.mean**2).clamp_min(MIN_VARIANCE).sqrt()
        tokens = (x.permute(0, 2, 3, 1) - self.mean) / spread
        if self.training:
            tokens = tokens * self.drop(tokens.new_ones(len(x), x.shape[1], 1))[:, None, None, :, 0]
        entered: Tensor = self.enter(tokens)
        return entered


class ConvBlock(nn.Module):
    """A block of ConvNeXt: a 7 x 7 convolution of each channel, then an MLP at each place.

    Against attention at the same width it costs a third and, with some hundred pictures to learn
    from, is the better one (docs/tried.md).
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, width, kernel_size=7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.grow = nn.Linear(width, MLP_RATIO * width)
        self.shrink = nn.Linear(MLP_RATIO * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[B, h, w, width] to the same shape."""
        mixed = self.norm(self.mix(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        change: Tensor = self.drop(self.shrink(F.gelu(self.grow(mixed))))
        return x + change


class Upsampler(nn.Module):
    """Patch stride -> the last stride above 4 or 4 itself: x2 stages as in EoMT.

    Where 4 does not divide the patch, what is left to 4 is done to the logits: with bilinear
    weights that gives nearly the same, and costs C values a pixel less its width.
    """

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for _ in range(max(0, int(math.log2(patch / STRIDE)))):
            narrow = min(width, MAX_UP_WIDTH)
            self.stages.append(Double(width, narrow))
            width = narrow
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """[B, h, w, hidden] -> [B, 2^n h, 2^n w, width]"""
        for stage in self.stages:
            x = stage(x)
        return x


class Double(nn.Module):
    """Each place to 2 x 2 places of its own, then a 3 x 3 convolution of each channel.

    The first is ConvTranspose2d(kernel 2, stride 2), as one matrix product.
    """

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.split = nn.Linear(width, 4 * narrow)
        self.mix = nn.Conv2d(narrow, narrow, kernel_size=3, padding=1, groups=narrow, bias=False)
        self.norm = nn.LayerNorm(narrow)

    def forward(self, x: Tensor) -> Tensor:
        """[B, h, w, width] -> [B, 2 h, 2 w, narrow]"""
        b, h, w, _ = x.shape
        parts = F.gelu(self.split(x)).view(b, h, w, 2, 2, -1)
        fine = parts.permute(0, 5, 1, 3, 2, 4).reshape(b, -1, 2 * h, 2 * w)
        normed: Tensor = self.norm(self.mix(fine).permute(0, 2, 3, 1))
        return normed


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """x [B, e, h, w] to the size (h, w), bilinearly."""
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size, mode="bilinear", align_corners=False)
