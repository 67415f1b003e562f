"""A map from patches to words that is fitted in closed form: ridge regression.

In:  Features of a batch and class vectors [B, C', D]; to fit it, RidgeSums.
Out: logits [B, C', h, w], on the grid of the patches.

Ridge regression gives each patch a share of every class that was trained; a class is asked by how
near its words are to those classes' words, so one that was never trained is read off its
neighbours. With a linear kernel that would be the ridge regression to text vectors, with the
identity the one to one-hot labels; the exponential kernel lies between, and on a hundred pictures
of COCO was better than either (docs/tried.md).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langseg.segmenter.backbones.vit import Features

SHARPNESS = 2.0  # of the kernel
MIN_VARIANCE = 1e-6  # of a channel
MIN_PENALTY = 1e-6  # of the constant, which is not to shrink
FIRST_SCALE = 10.0


@dataclass(eq=False)
class RidgeSums:
    """All that a ridge regression needs of any number of patches, float64 on the CPU.

    ``gram`` [F+1, F+1]: sum of w x x'; ``cross`` [F+1, C]: sum of w x y'; x a patch's channels
    and a 1, y the shares of its pixels that have each label, w y what the patch weighs.
    """

    gram: Tensor
    cross: Tensor

    @classmethod
    def empty(cls, width: int, classes: int) -> "RidgeSums":
        """Of no patch; width: F + 1."""
        return cls(
            torch.zeros(width, width, dtype=torch.float64),
            torch.zeros(width, classes, dtype=torch.float64),
        )

    def add(self, patches: Tensor, weighed: Tensor) -> None:
        """Args: patches: x [N, F+1]; weighed: w y [N, C]."""
        self.gram += (patches.mT @ (patches * weighed.sum(dim=1, keepdim=True))).double().cpu()
        self.cross += (patches.mT @ weighed).double().cpu()

    def __add__(self, other: "RidgeSums") -> "RidgeSums":
        return RidgeSums(self.gram + other.gram, self.cross + other.cross)

    def solve(self, penalty: float) -> Tensor:
        """Weights [F+1, C], float64, that give y from x.

        Args: penalty: against the patches' own spread: channels are penalised as if they all had
        a variance of 1; the constant is not.
        """
        total = self.gram[-1, -1].clamp_min(1e-12)
        mean = self.gram[-1] / total
        variance = (self.gram.diagonal() / total - mean**2).clamp_min(MIN_VARIANCE)
        variance[-1] = MIN_PENALTY
        solved: Tensor = torch.linalg.solve(
            self.gram + torch.diag(penalty * total * variance), self.cross
        )
        return solved


class AlignedMap(nn.Module):
    """The map from patches to words; buffers alone, so no step of training changes it.

    ``words`` [C, D]: the unit class vectors that it was fitted with, 0 for a class without
    a pixel; ``weight`` [F+1, C]: a patch's share of each; ``scale``: what makes logits of them.
    F are the channels of all taps and of the picture's token.
    """

    weight: Tensor
    words: Tensor
    scale: Tensor

    def __init__(self, *, width: int, taps: int, text_width: int, classes: int) -> None:
        super().__init__()
        channels = (taps + 1) * width + 1
        self.register_buffer("weight", torch.zeros(channels, classes))
        self.register_buffer("words", torch.zeros(classes, text_width))
        self.register_buffer("scale", torch.tensor(FIRST_SCALE))

    def forward(self, features: Features, classes: Tensor) -> Tensor:
        """Logits [B, C', h, w] of class vectors [B, C', D]."""
        b, _, h, w = features.taps[0].shape
        logits = patches(features) @ (self.weight @ (self.scale * self.kernel(classes)).mT)
        return logits.mT.reshape(b, -1, h, w)

    def kernel(self, classes: Tensor) -> Tensor:
        """How near class vectors [..., C', D] are to the words: [..., C', C], in 0..1."""
        trained = self.words.any(dim=1)
        centre = self.words.sum(dim=0) / trained.sum().clamp_min(1)
        near = _directions(classes, centre) @ _directions(self.words, centre).mT
        return torch.exp(SHARPNESS * (near - 1)) * trained


def patches(features: Features) -> Tensor:
    """What the map reads of a batch: [B, h * w, F+1]; all taps, the picture's token, a 1."""
    maps = [tap.float().flatten(2).mT for tap in features.taps]
    token = features.cls.float()[:, None].expand(-1, maps[0].shape[1], -1)
    return torch.cat([*maps, token, torch.ones_like(token[..., :1])], dim=-1)


def _directions(vectors: Tensor, centre: Tensor) -> Tensor:
    return F.normalize(vectors - centre, dim=-1)
