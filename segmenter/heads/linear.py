"""The baseline to beat: BatchNorm and one weight vector for each class over all taps, no text.

In:  Features of a batch; the bank and the scenes are not read.
Out: HeadOutput with logits alone. It fits one vocabulary only.
"""

import torch
from torch import Tensor, nn

from langseg.segmenter.backbones.vit import Features
from langseg.segmenter.heads.base import Head, HeadOutput, stride_4
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.heads.layers import SharedBatchNorm, resize
from langseg.segmenter.text.collapse import BankTensors


class LinearHead(Head):
    """The linear probe of DINOv2 and DINOv3: BatchNorm, dropout, a 1x1 convolution; all taps."""

    reads_text = False

    def __init__(
        self, config: HeadConfig, *, width: int, patch: int, text_width: int, classes: int,
        taps: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.aligned = None
        self.norm = SharedBatchNorm(taps * width)
        self.drop = nn.Dropout2d(config.dropout)
        self.classify = nn.Conv2d(taps * width, classes, kernel_size=1)
        nn.init.normal_(self.classify.weight, std=0.01)

    def forward(
        self, features: Features, bank: BankTensors, known: Tensor | None = None, aux: bool = False
    ) -> HeadOutput:
        """Reads neither the bank nor the scene; they are arguments so that heads are alike."""
        normed = self.norm(torch.cat(features.taps, dim=1))
        logits = self.classify(self.drop(normed)).float()
        return HeadOutput(
            logits=resize(logits, stride_4(features.padded)),
            padded=features.padded,
        )
