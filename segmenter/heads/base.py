"""What every head is: backbone features and a bank in, class logits out.

In:  Features of a batch, BankTensors, and the scenes that are known.
Out: HeadOutput, with logits at a quarter of the padded image's size.

A new head is one new file beside this one, its name in ``config.Kind`` and its class in
``registry.HEADS``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import ClassVar

from torch import Tensor, nn

from langseg.segmenter.backbones.vit import Features
from langseg.segmenter.heads.ridge import AlignedMap
from langseg.segmenter.text.collapse import BankTensors

STRIDE = 4  # pixels per logit


@dataclass(frozen=True, kw_only=True)
class HeadOutput:
    """What a head says about a batch; ``None`` where a head has no such thing.

    ``logits`` [B, C, h4, w4] float32 cover ``padded`` (height, width in pixels);
    ``aux`` one [B, C, h, w] a tap, only when asked for, and ``alpha``, one weight a tap, summing
    to 1 (Eq. 8); ``presence`` [B, C] and ``scene_logits`` [B, S] speak of the
    image as a whole; ``scenes`` [B, S] is the p(s|g) that the collapse used; ``g`` [B, D] the
    unit scene token; ``classes`` [B, C, D] unit class vectors; ``pixels`` [B, e, h, w] are decoded
    features, at a stride of the head's own, that ``to_text`` brings to the text width D.
    """

    logits: Tensor
    padded: tuple[int, int]
    aux: tuple[Tensor, ...] = ()
    alpha: Tensor | None = None
    presence: Tensor | None = None
    scene_logits: Tensor | None = None
    scenes: Tensor | None = None
    g: Tensor | None = None
    classes: Tensor | None = None
    pixels: Tensor | None = None
    to_text: nn.Linear | None = None


class Head(nn.Module):
    """The small trained part of a model.

    ``reads_text``: whether the logits come from the bank's words. A head that reads none holds
    weights for each class of the vocabulary it was trained with, and fits no other.
    ``beta``: the say that a picture has in its class vectors (``text.collapse``), 0 for none.
    ``aligned``: its part that is fitted in closed form before the first step, where it has one.
    """

    reads_text: ClassVar[bool]
    beta: float = 0.0
    aligned: AlignedMap | None

    def begin(self, features: Sequence[Features]) -> None:
        """Learn from the features of a run's first step what is no weight, as buffers.

        They are means, so those of several processes are averaged. Most heads learn nothing here.
        """

    def forward(
        self, features: Features, bank: BankTensors, known: Tensor | None = None, aux: bool = False
    ) -> HeadOutput:
        """Args: known: [B] scene indices, -1 for unknown; aux: also give logits for each tap."""
        raise NotImplementedError


def stride_4(padded: tuple[int, int]) -> tuple[int, int]:
    """(h4, w4) of a padded image; rounded where patches of 14 make 4 not divide it."""
    return round(padded[0] / STRIDE), round(padded[1] / STRIDE)


def input_unit(patch: int) -> int:
    """Pixels of which a side of the input must be a multiple: whole patches and whole logits."""
    return lcm(patch, STRIDE)
