"""Score a model on pictures made worse, beside the scores of the pictures as they are.

In:  a way to predict a picture; corruptions, severities and a seed; then, picture by picture, what
     ``evaluate`` makes of the clean ones.
Out: for each corruption and severity the mIoU that is left, and that of the clean pictures on the
     very same pixels: what an occluder hides is scored in neither.

The mIoU is over the classes that the labels hold, which are the same for all rows; the mIoU of a
dataset as a whole also counts classes that are only predicted, and noise makes more of them. A
picture is read once, and predicted once clean and once for each corruption and severity.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langseg.segmenter.data.sample import Sample
from langseg.segmenter.evaluation.evaluate import Scored
from langseg.segmenter.evaluation.tallies import labelled_miou, tally, tally_of
from langseg.segmenter.robustness.corrupt import corrupt, parameters, words

Predict = Callable[[Sample, NDArray[np.uint8]], NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True)
class CorruptedScores:
    """Scores under one corruption at one severity, in 0..1, on ``pixels`` that can still be seen.

    ``clean_miou`` is of the clean pictures on these pixels, ``ratio`` what is left of it.
    """

    corruption: str
    severity: int
    parameters: Mapping[str, float]
    miou: float
    pixel_accuracy: float
    clean_miou: float
    ratio: float
    pixels: int


@dataclass(frozen=True, kw_only=True)
class CorruptionMeans:
    """Means over the severities of one corruption, and what it does, in words."""

    corruption: str
    words: str
    miou: float
    ratio: float


@dataclass(frozen=True, kw_only=True)
class RobustnessReport:
    """Scores of every corruption and severity, means over severities, and means of these.

    ``clean_miou`` is of the clean pictures on all their pixels, over the classes in the labels.
    """

    seed: int
    severities: Sequence[int]
    clean_miou: float
    miou: float
    ratio: float
    means: Sequence[CorruptionMeans]
    scores: Sequence[CorruptedScores]


class Robustness:
    """A ``Measure``. ``counts`` int64 [2, N, 3, C]: of the corrupted and of the clean pictures, by
    corruption and severity, pixels right, true and predicted of each class."""

    def __init__(
        self, predict: Predict, num_classes: int, corruptions: Sequence[str],
        severities: Sequence[int], *, seed: int,
    ) -> None:  # fmt: skip
        """Args: predict: class indices [H, W] of a sample's picture [H, W, 3], made worse.

        Raises: UsageError, for a corruption or severity that there is not.
        """
        self.corruptions, self.severities, self.seed = corruptions, severities, seed
        self.conditions = [(name, severity) for name in corruptions for severity in severities]
        for corruption, severity in self.conditions:
            parameters(corruption, severity)
        self._predict = predict
        self.counts = torch.zeros(2, len(self.conditions), 3, num_classes, dtype=torch.int64)

    def add(self, scored: Scored) -> None:
        """Corrupt one picture in every way, and predict it. Raises: InputError, for one that a
        corruption cannot take."""
        sample, classes = scored.sample, self.counts.shape[-1]
        for place, (corruption, severity) in enumerate(self.conditions):
            worse, truth = corrupt(
                scored.image, scored.labels, corruption, severity, seed=self.seed, stem=sample.stem
            )
            self.counts[0, place] += tally(self._predict(sample, worse), truth, classes)
            self.counts[1, place] += tally(scored.mask, truth, classes)

    def report(self, clean: Tensor) -> RobustnessReport:
        """Of all pictures; nan where no label is left.

        Args: clean: the confusion matrix [C, C + 1] of the same pictures as they are.
        """
        scores = [
            _scores(corruption, severity, worse, same_pixels)
            for (corruption, severity), worse, same_pixels in zip(
                self.conditions, *self.counts, strict=True
            )
        ]
        means = []
        for corruption in self.corruptions:
            own = [one for one in scores if one.corruption == corruption]
            means.append(
                CorruptionMeans(
                    corruption=corruption,
                    words=words(corruption),
                    miou=mean(one.miou for one in own),
                    ratio=mean(one.ratio for one in own),
                )
            )
        return RobustnessReport(
            seed=self.seed,
            severities=self.severities,
            clean_miou=labelled_miou(tally_of(clean)),
            miou=mean(one.miou for one in means),
            ratio=mean(one.ratio for one in means),
            means=means,
            scores=scores,
        )


def _scores(corruption: str, severity: int, worse: Tensor, clean: Tensor) -> CorruptedScores:
    miou, clean_miou = labelled_miou(worse), labelled_miou(clean)
    return CorruptedScores(
        corruption=corruption,
        severity=severity,
        parameters=parameters(corruption, severity),
        miou=miou,
        pixel_accuracy=float(worse[0].sum() / worse[1].sum()),
        clean_miou=clean_miou,
        ratio=miou / clean_miou if clean_miou else float("nan"),
        pixels=int(worse[1].sum()),
    )
