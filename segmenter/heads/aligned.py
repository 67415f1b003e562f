"""The head that is fitted in closed form: an AlignedMap and nothing else.

In:  Features of a batch, BankTensors, and the scenes that are known.
Out: HeadOutput with logits alone. Any bank of the same text encoder fits it.
"""

import torch
from torch import Tensor

from langseg.segmenter.backbones.vit import Features
from langseg.segmenter.heads.base import Head, HeadOutput, stride_4
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.heads.layers import resize
from langseg.segmenter.heads.ridge import AlignedMap
from langseg.segmenter.text.collapse import BankTensors, plain_classes, trained_as


class AlignedHead(Head):
    """The map alone. It takes no optimiser step and tells no scene."""

    reads_text = True
    aligned: AlignedMap

    def __init__(
        self, config: HeadConfig, *, width: int, patch: int, text_width: int, classes: int,
        taps: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.aligned = AlignedMap(width=width, taps=taps, text_width=text_width, classes=classes)

    def forward(
        self, features: Features, bank: BankTensors, known: Tensor | None = None, aux: bool = False
    ) -> HeadOutput:
        """Args: known: [B] scene indices, -1 for unknown, which is no scene here."""
        with torch.autocast(features.cls.device.type, enabled=False):
            classes = plain_classes(bank, len(features.cls), known)
            new = self.aligned.new(trained_as(bank))
            logits = self.aligned(features, classes, new)
        return HeadOutput(
            logits=resize(logits, stride_4(features.padded)),
            padded=features.padded,
            classes=classes,
        )
