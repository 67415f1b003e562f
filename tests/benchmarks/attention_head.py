"""The dense head as it was: a residual MLP a tap, transformer blocks, features resized to stride 4.

In:  as ``heads.dense``.
Out: the same. Only ``bench_head`` uses it, to say what the head of today costs beside it.
"""

import math

import torch
import torch.nn.functional as F
from timm.layers.norm import LayerNorm2d
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from langseg.segmenter.backbones.vit import Features
from langseg.segmenter.heads.base import STRIDE, Head, HeadOutput, stride_4
from langseg.segmenter.heads.cosines import cosines, projected_cosines
from langseg.segmenter.heads.layers import ResidualMLP, resize
from langseg.segmenter.text.collapse import BankTensors, collapse, scene_probabilities

HIDDEN, BLOCKS, HEADS, MIN_UP_WIDTH = 256, 2, 4, 64


class TapMLP(nn.Module):
    """One tap [B, d, h, w], normalised, through a residual MLP: [B, h, w, d]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = ResidualMLP(width)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, d, h, w] to [B, h, w, d]."""
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


class AttentionHead(Head):
    reads_text = True

    def __init__(self, *, width: int, patch: int, text_width: int, taps: int) -> None:
        super().__init__()
        self.taps = nn.ModuleList(TapMLP(width) for _ in range(taps))
        self.alpha = nn.Parameter(torch.zeros(taps))
        self.enter = nn.Linear(width, HIDDEN)
        self.blocks = nn.Sequential(*(Block(HIDDEN, HEADS, qkv_bias=True) for _ in range(BLOCKS)))
        self.up = Upsampler(HIDDEN, patch)
        self.to_text = nn.Linear(self.up.width, text_width)
        self.to_scene = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, text_width))
        self.text_to_taps = nn.Linear(text_width, width)
        self.log_scale = nn.Parameter(torch.tensor(math.log(60.0)))
        self.log_scene_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.presence = nn.Parameter(torch.tensor([0.25, -2.0]))

    def forward(
        self, features: Features, bank: BankTensors, known: Tensor | None = None, aux: bool = False
    ) -> HeadOutput:
        maps = [tap(x) for tap, x in zip(self.taps, features.taps, strict=True)]
        alpha = self.alpha.softmax(dim=0)
        fused = torch.stack([a * x for a, x in zip(alpha, maps, strict=True)]).sum(dim=0)
        b, h, w, _ = fused.shape
        tokens = self.blocks(self.enter(fused).flatten(1, 2)).view(b, h, w, -1)
        pixels = self.up(tokens, stride_4(features.padded))
        g = F.normalize(self.to_scene(features.cls), dim=-1)
        scene_logits = self.log_scene_scale.exp() * g @ bank.scene.T
        scenes = scene_probabilities(scene_logits, known)
        classes = collapse(bank, g, scenes, 4.0)
        scale = self.log_scale.exp()
        logits = scale * projected_cosines(pixels, self.to_text, classes)
        near = F.normalize(self.text_to_taps(classes), dim=-1)
        pooled = logits.flatten(2).logsumexp(dim=2) - math.log(logits[0, 0].numel())
        return HeadOutput(
            logits=logits, padded=features.padded, alpha=alpha, scene_logits=scene_logits,
            aux=tuple(scale * cosines(F.normalize(x, dim=-1), near) for x in maps),
            presence=self.presence[0] * pooled + self.presence[1], classes=classes,
            pixels=pixels.permute(0, 3, 1, 2), to_text=self.to_text,
        )  # fmt: skip
