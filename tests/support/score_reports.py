"""A report of scores with little in it."""

from pathlib import Path

from langseg.pipelines.seg.score_report import MasksReport
from langseg.segmenter.evaluation.pictures import PicturewiseScores


def masks_report(predictions: str = "masks") -> MasksReport:
    worst = {1: 0.1, 5: 0.2}
    return MasksReport(
        dataset="ade20k",
        data=Path("data"),
        split="val",
        images=2,
        data_hash="a" * 64,
        miou=0.5,
        pixel_accuracy=0.6,
        mean_accuracy=0.55,
        fwiou=0.5,
        median_iou=0.5,
        worst_decile_iou=0.25,
        miou_over_all=0.3,
        ade20k_score=0.45,
        boundary=None,
        strata=[],
        picturewise=PicturewiseScores(
            pictures=2, miou_i=0.4, miou_c=0.4, worst_i=worst, worst_c=worst
        ),
        worst_pictures=[],
        per_class_iou={"sky": 0.25, "tree": 0.75, "sea": None},
        dropped=1,
        pixels=10,
        versions={"torch": "2.14"},
        sentence="mIoU 0.5000",
        predictions=Path(predictions),
    )
