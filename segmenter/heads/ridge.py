"""A map from patches to words that is fitted in closed form: ridge regression.

In:  Features of a batch and class vectors [B, C', D]; to fit it, RidgeSums.
Out: logits [B, C', h, w], on the grid of the patches.

Ridge regression gives each patch a share of every class that was trained; a class is asked by how
near its words are to those classes' words, so one that was never trained is read off its
neighbours. With a linear kernel that would be the ridge regression to text vectors, with the
identity the one to one-hot labels; the exponential kernel lies between, and on a hundred pictures
of COCO was better than either, for words that were trained; for new ones the linear is
(docs/tried.md).

A new word is seldom nearer to a patch than the nearest of those that were trained. So where both
are asked, the map judges first whether a patch shows any class that it was trained with:

    P(c | x) = (1 - p(new | x)) softmax over trained words, or p(new | x) softmax over new words

and how, it learns from classes that it hides from itself (``training.closed_form``).
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
LIKENESS = 5.0  # sharpness of the average over patches that look alike
ROWS = 1024  # of that average at once
SAME = 0.9999  # cosine from which a class vector is taken for one that was trained


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
        some = weighed.any(dim=1)
        patches, weighed = patches[some], weighed[some]
        if not len(patches):
            return
        self.gram += (patches.mT @ (patches * weighed.sum(dim=1, keepdim=True))).double().cpu()
        self.cross += (patches.mT @ weighed).double().cpu()

    def __add__(self, other: "RidgeSums") -> "RidgeSums":
        return RidgeSums(self.gram + other.gram, self.cross + other.cross)

    def solve(self, penalty: float) -> Tensor:
        """Weights [F+1, C], float64, that give y from x.

        Args: penalty: against the patches' own spread: channels are penalised as if they all had
        a variance of 1; the constant is not.
        """
        total, _, variance = self.spread()
        solved: Tensor = torch.linalg.solve(
            self.gram + torch.diag(penalty * total * variance), self.cross
        )
        return solved

    def spread(self) -> tuple[Tensor, Tensor, Tensor]:
        """What all patches weigh; mean and variance [F+1] of x."""
        total = self.gram[-1, -1].clamp_min(1e-12)
        mean = self.gram[-1] / total
        variance = (self.gram.diagonal() / total - mean**2).clamp_min(MIN_VARIANCE)
        variance[-1] = MIN_PENALTY
        return total, mean, variance


class AlignedMap(nn.Module):
    """The map from patches to words; buffers alone, so no step of training changes it.

    ``words`` [C, D]: the unit class vectors that it was fitted with, 0 for a class without
    a pixel; ``weight`` [F+1, C]: a patch's share of each; ``scale``: what makes logits of them.
    F are the channels of all taps and of the picture's token.

    Whether a patch shows none of these classes is judged only where words that were trained and
    new ones are asked together: by ``judge`` [2], what the ``lead`` weighs and a constant, both 0
    where it was not fitted; ``mean`` and ``deviation`` [F+1] are of patches.
    """

    weight: Tensor
    words: Tensor
    scale: Tensor
    mean: Tensor
    deviation: Tensor
    judge: Tensor

    def __init__(self, *, width: int, taps: int, text_width: int, classes: int) -> None:
        super().__init__()
        channels = (taps + 1) * width + 1
        self.register_buffer("weight", torch.zeros(channels, classes))
        self.register_buffer("words", torch.zeros(classes, text_width))
        self.register_buffer("scale", torch.tensor(FIRST_SCALE))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        self.register_buffer("judge", torch.zeros(2))

    def fill(self, sums: RidgeSums, words: Tensor, penalty: float) -> None:
        """Take from sums all but ``scale`` and ``judge``. Args: words: unit [C, D]."""
        self.words.copy_(words * (sums.cross[-1] > 0).to(words)[:, None])
        self.weight.copy_(sums.solve(penalty))
        _, mean, variance = sums.spread()
        self.mean.copy_(mean)
        self.deviation.copy_(variance.sqrt())

    def forward(self, features: Features, classes: Tensor, new: Tensor) -> Tensor:
        """Logits [B, C', h, w] of class vectors [B, C', D], of which ``new`` [C'] were not
        trained; logarithms of probabilities where there are both."""
        b, _, h, w = features.taps[0].shape
        return self.read(patches(features), classes, new).mT.reshape(b, -1, h, w)

    def read(self, x: Tensor, classes: Tensor, new: Tensor) -> Tensor:
        """Logits [..., N, C'] of patches [..., N, F+1]."""
        near = self.kernel(classes)
        if new.any():
            near = torch.where(new[:, None], self.cosines(classes), near)
        logits = x @ (self.weight @ (self.scale * near).mT)
        if new.any() and not new.all():
            odds = self.lead(x, classes[..., new, :]) * self.judge[0] + self.judge[1]
            # It was fitted to as many patches of either; before a look, each class is as likely.
            odds = odds + torch.log(new.sum() / (~new).sum())
            for which, sign in ((new, 1), (~new, -1)):
                share = F.logsigmoid(sign * odds)[..., None]
                logits[..., which] = logits[..., which].log_softmax(dim=-1) + share
        return logits

    def new(self, classes: Tensor) -> Tensor:
        """Which class vectors [C', D] are none of the words: [C'] bool. They are to be those of
        no scene, as it was fitted with these."""
        return (classes @ self.words.mT).amax(dim=1) < SAME

    def lead(self, x: Tensor, new: Tensor) -> Tensor:
        """By how much the best new class [..., C', D] is above the best that was trained, at
        patches [..., N, F+1] of a picture; averaged over those that look like it: [..., N]."""
        best, known = (
            (x @ (self.weight @ self.cosines(each).mT)).amax(dim=-1, keepdim=True)
            for each in (new, self.words[self.words.any(dim=1)])
        )
        looks = F.normalize((x - self.mean) / self.deviation, dim=-1)
        averaged = [
            (LIKENESS * some @ looks.mT).softmax(dim=-1) @ (best - known)
            for some in torch.split(looks, ROWS, dim=-2)
        ]
        return torch.cat(averaged, dim=-2)[..., 0]

    def kernel(self, classes: Tensor) -> Tensor:
        """How near class vectors [..., C', D] are to the words: [..., C', C], in 0..1."""
        near = torch.exp(SHARPNESS * (self.cosines(classes) - 1))
        return near * self.words.any(dim=1)

    def cosines(self, classes: Tensor) -> Tensor:
        """Of class vectors [..., C', D] and the words, centred by these: [..., C', C]."""
        trained = self.words.any(dim=1)
        centre = self.words.sum(dim=0) / trained.sum().clamp_min(1)
        near = _directions(classes, centre) @ _directions(self.words, centre).mT
        return near * trained


def patches(features: Features) -> Tensor:
    """What the map reads of a batch: [B, h * w, F+1]; all taps, the picture's token, a 1."""
    maps = [tap.float().flatten(2).mT for tap in features.taps]
    token = features.cls.float()[:, None].expand(-1, maps[0].shape[1], -1)
    return torch.cat([*maps, token, torch.ones_like(token[..., :1])], dim=-1)


def _directions(vectors: Tensor, centre: Tensor) -> Tensor:
    return F.normalize(vectors - centre, dim=-1)
