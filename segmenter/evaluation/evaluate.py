"""Score a model, or masks that somebody stored, against a labelled dataset.

In:  a Segmenter (or a folder of PNGs) and Samples.
Out: Scores of one confusion matrix over the whole dataset, at the labels' own size.

Labels are never resized: predictions come at the picture's size. Under torchrun each rank takes
every world-size-th picture, none twice, and the matrices are summed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import torch

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import InputError, UsageError
from langseg.cache.records import ANY_SCENE
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.sample import Progress, Sample, read_sample
from langseg.segmenter.distributed import place, sum_over_ranks
from langseg.segmenter.evaluation.metrics import ConfusionMatrix, Scores
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.text.collapse import UNKNOWN_SCENE, labelled_scene

SceneSource = Literal["predicted", "label", "none"]


def evaluate(
    segmenter: Segmenter,
    samples: Sequence[Sample],
    *,
    scenes: SceneSource = "predicted",
    progress: Progress | None = None,
) -> Scores:
    """Predict every sample and score it.

    Args:
        scenes: where p(s|g) comes from: the picture itself, the dataset's scene label (the
            picture itself where that is not a scene of the bank), or no scene at all.

    Raises: InputError, for files that cannot be used and for a dataset without a label.
    """
    rule = LabelRule(segmenter.bank.ids, segmenter.bank.ignore_ids)
    matrix = ConfusionMatrix(rule.num_classes)
    for sample in _of_this_rank(samples, progress):
        image, labels = read_sample(sample, rule)
        prediction = segmenter.segment(image, given_scene(sample, segmenter.bank, scenes))
        matrix.update(torch.from_numpy(prediction.mask), torch.from_numpy(labels))
    return _total(matrix, segmenter.device)


def evaluate_predictions(
    folder: Path, samples: Sequence[Sample], rule: LabelRule, *, progress: Progress | None = None
) -> Scores:
    """Score ``folder/<stem>.png`` masks that hold the same ids as the labels.

    A pixel that a mask leaves at an ignore id is a miss. Raises: InputError, for a missing or
    misfitting mask.
    """
    matrix = ConfusionMatrix(rule.num_classes)
    for sample in _of_this_rank(samples, progress):
        path = folder / f"{sample.stem}.png"
        labels = read_sample(sample, rule)[1]
        mask = rule.read(path)
        if mask.shape != labels.shape:
            raise InputError(
                f"{path}: wanted a mask of {labels.shape[1]}x{labels.shape[0]} like its labels, "
                f"got {mask.shape[1]}x{mask.shape[0]}"
            )
        matrix.update(torch.from_numpy(mask), torch.from_numpy(labels))
    return _total(matrix, torch.device("cpu"))


def given_scene(sample: Sample, bank: TextBank, source: SceneSource) -> str | None:
    """The scene that the model is given with a sample; None where it must see it by itself."""
    match source:
        case "predicted":
            return None
        case "none":
            return ANY_SCENE
        case "label":
            return None if labelled_scene(bank, sample.scene) == UNKNOWN_SCENE else sample.scene
        case _:
            raise UsageError(f"scenes {source!r}: wanted predicted, label or none")


def _of_this_rank(samples: Sequence[Sample], progress: Progress | None) -> Iterator[Sample]:
    rank, world_size = place()
    mine = samples[rank::world_size]
    for done, sample in enumerate(mine, start=1):
        yield sample
        if progress is not None:
            progress(done, len(mine))


def _total(matrix: ConfusionMatrix, device: torch.device) -> Scores:
    matrix.counts = sum_over_ranks(matrix.counts.to(device)).cpu()
    return matrix.scores()
