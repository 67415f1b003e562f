"""The head that reads text: a pixel's logit of a class is their cosine in the text space.

In:  Features of a batch, BankTensors, and the scenes that are known.
Out: HeadOutput, all of it. It holds no weight that belongs to a class, so any bank of the same
     text encoder fits it.

With an ``aligned_share`` it answers together with an aligned head, as FC-CLIP joins the classifier
that it trains with the one that it does not: logits are then the logarithm of a geometric mean of
both heads' probabilities. Training sees its own alone.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langseg.segmenter.backbones.vit import Features
from langseg.segmenter.heads.base import Head, HeadOutput, stride_4
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.heads.cosines import cosines, projected_cosines
from langseg.segmenter.heads.layers import (
    ConvBlock,
    Entrance,
    ResidualMLP,
    Upsampler,
    resize,
)
from langseg.segmenter.heads.ridge import AlignedMap
from langseg.segmenter.text.collapse import (
    BankTensors,
    collapse,
    plain_classes,
    scene_probabilities,
    trained_as,
)

MAX_SCALE = 100.0  # as CLIP clamps its temperature
# Sentence encoders crowd classes in a cone (mean cosine 0.55 between ADE20K classes in MiniLM), so
# little of a cosine's range tells classes apart: after 200 steps on the demo data a start at 60
# gave 24.5 % mIoU, at 20 it gave 20.8 %.
FIRST_SCALE = 60.0


class DenseHead(Head):
    """Taps -> weighted sum -> convolution blocks -> finer -> cosine with the class vectors."""

    reads_text = True

    def __init__(
        self, config: HeadConfig, *, width: int, patch: int, text_width: int, classes: int,
        taps: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.beta = config.beta
        self.taps = nn.ModuleList(
            Entrance(width, config.hidden, config.dropout) for _ in range(taps)
        )
        self.alpha = nn.Parameter(torch.zeros(taps))
        self.blocks = nn.Sequential(
            *(ConvBlock(config.hidden, config.dropout) for _ in range(config.blocks))
        )
        self.up = Upsampler(config.hidden, patch)
        self.to_text = nn.Linear(self.up.width, text_width)
        self.to_scene = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, text_width))
        self.text_to_taps = nn.Linear(text_width, config.hidden)
        self.adapter = ResidualMLP(text_width) if config.text_adapter else None
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
        self.log_scene_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.presence = nn.Parameter(torch.tensor([0.25, -2.0]))  # slope and offset
        self.aligned_share = config.aligned_share
        self.aligned = None
        if config.aligned_share:
            self.aligned = AlignedMap(
                width=width, taps=taps, text_width=text_width, classes=classes
            )

    def begin(self, features: Sequence[Features]) -> None:
        """Set the mean and spread of each tap's channels."""
        for number, tap in enumerate(self.taps):
            assert isinstance(tap, Entrance)
            tap.begin([each.taps[number] for each in features])

    def forward(
        self, features: Features, bank: BankTensors, known: Tensor | None = None, aux: bool = False
    ) -> HeadOutput:
        """Args: known: [B] scene indices, -1 for unknown; aux: also give logits for each tap."""
        maps = [tap(x) for tap, x in zip(self.taps, features.taps, strict=True)]  # [B, h, w, e]
        alpha = self.alpha.softmax(dim=0)
        fused = torch.stack([a * x for a, x in zip(alpha, maps, strict=True)]).sum(dim=0)
        decoded = self.up(self.blocks(fused))
        with torch.autocast(decoded.device.type, enabled=False):  # cosines need more than 8 bits
            pixels = decoded.float()
            g = F.normalize(self.to_scene(features.cls), dim=-1)
            scene_logits = _scale(self.log_scene_scale) * g @ bank.scene.T
            scenes = scene_probabilities(scene_logits, known)
            classes = self._adapt(collapse(bank, g, scenes, self.beta))
            logits = _scale(self.log_scale) * projected_cosines(pixels, self.to_text, classes)
            fine = resize(logits, stride_4(features.padded))
            if self.aligned is not None and not self.training:
                fine = self._joined(fine, features, bank, known)
            return HeadOutput(
                logits=fine,
                padded=features.padded,
                aux=self._tap_logits(maps, classes) if aux else (),
                alpha=alpha,
                presence=self._presence(logits),
                scene_logits=scene_logits,
                scenes=scenes,
                g=g,
                classes=classes,
                pixels=pixels.permute(0, 3, 1, 2),
                to_text=self.to_text,
            )

    def _joined(
        self, logits: Tensor, features: Features, bank: BankTensors, known: Tensor | None
    ) -> Tensor:
        assert self.aligned is not None
        new = self.aligned.new(trained_as(bank))
        beside = self.aligned(features, plain_classes(bank, len(logits), known), new)
        other = resize(beside, stride_4(features.padded)).log_softmax(dim=1)
        joined = torch.empty_like(logits)
        for which in (new, ~new):  # of these two, only the aligned head can tell
            own, beside = logits[:, which].log_softmax(dim=1), other[:, which]
            share = beside.logsumexp(dim=1, keepdim=True)
            joined[:, which] = torch.lerp(own, beside - share, self.aligned_share) + share
        return joined

    def _adapt(self, classes: Tensor) -> Tensor:
        return classes if self.adapter is None else F.normalize(self.adapter(classes), dim=-1)

    def _tap_logits(self, maps: list[Tensor], classes: Tensor) -> tuple[Tensor, ...]:
        """Cosines in the head's width: bringing C class vectors there is cheaper than h x w."""
        near = F.normalize(self.text_to_taps(classes), dim=-1)
        scale = _scale(self.log_scale)
        return tuple(scale * cosines(F.normalize(x.float(), dim=-1), near) for x in maps)

    def _presence(self, logits: Tensor) -> Tensor:
        """Is a class anywhere in the image: a smooth maximum of its map, as in MIL pooling."""
        pooled = logits.flatten(2).logsumexp(dim=2) - math.log(logits[0, 0].numel())
        return self.presence[0] * pooled + self.presence[1]


def _scale(log_scale: Tensor) -> Tensor:
    return log_scale.clamp(max=math.log(MAX_SCALE)).exp()
