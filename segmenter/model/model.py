"""A frozen backbone and a head as one module.

In:  images [B, 3, H, W] in 0..1, a bank on the same device, the scenes that are known.
Out: HeadOutput; on a GPU computed in bfloat16, logits in float32.
"""

import torch
from torch import Tensor, nn

from langseg.segmenter.backbones.vit import Features, FrozenViT
from langseg.segmenter.heads.base import Head, HeadOutput
from langseg.segmenter.text.collapse import BankTensors


class SegModel(nn.Module):
    """Holds no bank and no state of a request: the vocabulary is an argument of every call."""

    def __init__(self, backbone: FrozenViT, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(
        self,
        images: Tensor | Features,
        bank: BankTensors,
        known: Tensor | None = None,
        aux: bool = False,
    ) -> HeadOutput:
        """Args as for the head: known [B] scene indices or -1; aux: logits for each tap too.

        Features that the backbone gave before are taken as they are.
        """
        features = self.features(images)
        device = features.cls.device
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            output: HeadOutput = self.head(features, bank, known, aux)
        return output

    def features(self, images: Tensor | Features) -> Features:
        """What the backbone says of images [B, 3, H, W]; Features are taken as they are."""
        return images if isinstance(images, Features) else self.backbone(images)
