"""The baseline to beat: BatchNorm and one weight vector for each class on the last tap, no text.

In:  Features of a batch; the bank and the scenes are not read.
Out: HeadOutput with logits alone. It fits one vocabulary only.
"""

from torch import Tensor, nn

from langseg.segmenter.backbones.vit import Features
from langseg.segmenter.heads.base import Head, HeadConfig, HeadOutput, stride_4
from langseg.segmenter.heads.layers import resize
from langseg.segmenter.text.collapse import BankTensors


class LinearHead(Head):
    """The linear probe of DINOv2 and DINOv3: BatchNorm and a 1x1 convolution, last tap only."""

    reads_text = False

    def __init__(
        self, config: HeadConfig, *, width: int, patch: int, text_width: int, classes: int
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.classify = nn.Conv2d(width, classes, kernel_size=1)

    def forward(
        self, features: Features, bank: BankTensors, known: Tensor | None = None, aux: bool = False
    ) -> HeadOutput:
        """Reads neither the bank nor the scene; they are arguments so that heads are alike."""
        logits = self.classify(self.norm(features.taps[-1])).float()
        return HeadOutput(
            logits=resize(logits, stride_4(features.padded)),
            padded=features.padded,
        )
