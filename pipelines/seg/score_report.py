"""What an evaluation found, as it is told and kept.

In:  an Evaluation, its measures, and how it was made.
Out: reports, frozen, whose fields are the keys of ``--json`` and of ``eval.json``.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from langseg.cache.counted import counted
from langseg.segmenter.evaluation.boundary import BoundaryScores
from langseg.segmenter.evaluation.certainty import CalibrationScores
from langseg.segmenter.evaluation.evaluate import Evaluation
from langseg.segmenter.evaluation.pictures import PicturewiseScores, picturewise
from langseg.segmenter.evaluation.strata import Stratum
from langseg.segmenter.robustness.measure import RobustnessReport

WORST_PICTURES = 10
_PACKAGES = ("langseg", "torch", "timm", "numpy", "pillow", "scipy")


@dataclass(frozen=True, kw_only=True)
class DatasetUsed:
    """What was scored on: ``images`` labelled pictures of the split in the folder ``data``;
    ``data_hash`` is over their stems, scenes, and the sizes of their files."""

    dataset: str
    data: Path
    split: str
    images: int
    data_hash: str


@dataclass(frozen=True, kw_only=True)
class PictureScore:
    """The mean IoU of one picture over the classes that its labels hold."""

    stem: str
    miou: float


@dataclass(frozen=True, kw_only=True)
class ScoreReport(DatasetUsed):
    """All scores in 0..1, over all classes in one confusion matrix unless said otherwise.

    ``median_iou``: the median over the classes, which is how the one "class-wise IoU" of the
    LangSeg paper is read here, beside its mean IoU; ``worst_decile_iou``: the mean of the worst
    tenth of them. ``dropped`` classes are in neither labels nor predictions, and in no mean;
    ``miou_over_all`` counts them as 0. ``ade20k_score``: the mean of that and of pixel accuracy,
    the benchmark's own final score; only on ADE20K. ``boundary``, None where it was left out, has
    its classes in the order of ``per_class_iou``.
    """

    miou: float
    pixel_accuracy: float
    mean_accuracy: float
    fwiou: float
    median_iou: float
    worst_decile_iou: float
    miou_over_all: float
    ade20k_score: float | None
    boundary: BoundaryScores | None
    strata: Sequence[Stratum]
    picturewise: PicturewiseScores
    worst_pictures: Sequence[PictureScore]
    per_class_iou: Mapping[str, float | None]
    dropped: int
    pixels: int
    versions: Mapping[str, str]
    sentence: str


@dataclass(frozen=True, kw_only=True)
class MasksReport(ScoreReport):
    """The scores of masks that are stored in the folder ``predictions``."""

    predictions: Path


@dataclass(frozen=True, kw_only=True)
class ClassesMapped:
    """The file by which the model's classes were translated to the dataset's, its sha256, and the
    dataset's classes that were not scored."""

    file: Path
    sha256: str
    left_out: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a model was scored; with the dataset and the versions it is enough to do it again.

    Sizes in pixels, as they were used. ``averaged`` says what a pixel's class was taken from;
    ``told``: of how many pictures the dataset's scene was known to the model, where it was told.
    """

    mode: str
    short_side: int
    window: int | None
    stride: int | None
    scales: Sequence[float]
    flip: bool
    averaged: str
    resized: str
    upsampled: str
    scenes: str
    told: int | None
    vocabulary: str
    vocabulary_hash: str
    classes: int
    mapping: ClassesMapped | None
    device: str
    precision: str
    features: str
    processes: int


@dataclass(frozen=True, kw_only=True)
class ModelReport(ScoreReport):
    """The scores of a checkpoint, asked with the bank of fingerprint ``bank``.

    ``anomaly_auroc``: how well a small lead of the best class over the next tells pixels without a
    label from labelled ones, 0.5 is chance; nan where all are labelled, or none. Both it and
    ``calibration`` are None where they were left out, and so is ``robustness``. Where training left
    the classes ``unseen`` out: mIoU of the others, of these, and their harmonic mean; nan for a
    side of which no class occurs.
    """

    calibration: CalibrationScores | None
    anomaly_auroc: float | None
    robustness: RobustnessReport | None
    checkpoint: Path
    step: int
    backbone: str
    bank: str
    protocol: Protocol
    seen_miou: float | None
    unseen_miou: float | None
    h_iou: float | None
    unseen: Sequence[str]


def score_report(
    found: Evaluation,
    used: DatasetUsed,
    names: Sequence[str],
    boundary: BoundaryScores | None,
    strata: Sequence[Stratum],
) -> ScoreReport:
    """What is told of masks from anywhere."""
    scores = found.scores
    labelled = [one for one in found.pictures if one.labelled]
    worst = sorted(labelled, key=lambda one: (one.miou, one.stem))[:WORST_PICTURES]
    return ScoreReport(
        **vars(used),
        miou=scores.miou,
        pixel_accuracy=scores.pixel_accuracy,
        mean_accuracy=scores.mean_accuracy,
        fwiou=scores.fwiou,
        median_iou=scores.median_iou,
        worst_decile_iou=scores.worst_decile_iou,
        miou_over_all=scores.miou_over_all,
        ade20k_score=scores.ade20k_score if used.dataset == "ade20k" else None,
        boundary=boundary,
        strata=strata,
        picturewise=picturewise(found.pictures),
        worst_pictures=[PictureScore(stem=one.stem, miou=one.miou) for one in worst],
        per_class_iou=dict(zip(names, scores.per_class_iou, strict=True)),
        dropped=scores.dropped,
        pixels=scores.pixels,
        versions={"python": platform.python_version()}
        | {name: version(name) for name in _PACKAGES},
        sentence=f"mIoU {scores.miou:.4f} over "
        f"{counted(len(names) - scores.dropped, 'class')} "
        f"({scores.dropped} of {len(names)} appear in neither labels nor predictions), pixel "
        f"accuracy {scores.pixel_accuracy:.4f}, mean accuracy {scores.mean_accuracy:.4f}, fwIoU "
        f"{scores.fwiou:.4f}, on {counted(used.images, 'picture')} of {used.dataset} {used.split}",
    )
