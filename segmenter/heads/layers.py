"""Layers that heads are built of.

In:  maps [B, d, h, w], or vectors in the last dimension.
Out: the same, mixed, narrower or finer.
"""

import math

import torch.nn.functional as F
from timm.layers.norm import LayerNorm2d
from torch import Tensor, nn

from langseg.segmenter.heads.base import STRIDE

MIN_UP_WIDTH = 64


class ResidualMLP(nn.Module):
    """x + MLP(x) over the last dimension, width -> width / 2 -> width; starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shrink = nn.Linear(width, width // 2)
        self.grow = nn.Linear(width // 2, width)
        nn.init.zeros_(self.grow.weight)
        nn.init.zeros_(self.grow.bias)

    def forward(self, x: Tensor) -> Tensor:
        grown: Tensor = self.grow(F.gelu(self.shrink(x)))
        return x + grown


class TapMLP(nn.Module):
    """One tap [B, d, h, w], normalised, through a residual MLP: [B, h, w, d]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = ResidualMLP(width)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.mlp(self.norm(x.permute(0, 2, 3, 1)))
        return mixed


class Upsampler(nn.Module):
    """Patch stride -> stride 4: x2 stages as in EoMT, then a resize where 4 does not divide."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for _ in range(max(0, int(math.log2(patch / STRIDE)))):
            narrow = max(MIN_UP_WIDTH, width // 2)
            self.stages.append(_double(width, narrow))
            width = narrow
        self.width = width

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """[B, h, w, hidden] -> [B, *size, width]"""
        x = x.permute(0, 3, 1, 2)
        for stage in self.stages:
            x = stage(x)
        return resize(x, size).permute(0, 2, 3, 1)


def _double(width: int, narrow: int) -> nn.Module:
    return nn.Sequential(
        nn.ConvTranspose2d(width, narrow, kernel_size=2, stride=2),
        nn.GELU(),
        nn.Conv2d(narrow, narrow, kernel_size=3, padding=1, groups=narrow, bias=False),
        LayerNorm2d(narrow),
    )


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


def init_linear(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
