"""Lay scores out as tables, for a terminal and for a paper.

In:  a report of scores.
Out: rows of names and numbers; LaTeX tables.
"""

import math

from langseg.cache.counted import counted
from langseg.pipelines.seg.latex import latex_tabular
from langseg.pipelines.seg.score_report import MasksReport, ModelReport, ScoreReport
from langseg.segmenter.robustness.measure import RobustnessReport

_COLUMNS = {  # of a LaTeX table: the row of ``score_rows`` that stands below each head
    "mIoU": "mIoU",
    "aAcc": "pixel accuracy",
    "mAcc": "mean accuracy",
    "fwIoU": "frequency-weighted IoU",
    "class-wise IoU": "class-wise IoU (median)",
    "worst 10 \\%": "worst tenth of the classes",
    "BIoU": "Boundary IoU",
    "mIoU$^I$": "picture-wise mIoU",
    "ECE": "calibration error (ECE)",
}


def score_rows(report: ScoreReport) -> list[tuple[str, float]]:
    """What was scored, by name; what was left out, or cannot be told, is in no row."""
    rows: list[tuple[str, float | None]] = [
        ("mIoU", report.miou),
        ("pixel accuracy", report.pixel_accuracy),
        ("mean accuracy", report.mean_accuracy),
        ("frequency-weighted IoU", report.fwiou),
        ("class-wise IoU (median)", report.median_iou),
        ("worst tenth of the classes", report.worst_decile_iou),
        ("Boundary IoU", None if report.boundary is None else report.boundary.miou),
        ("picture-wise mIoU", report.picturewise.miou_i),
        *((f"worst {q} % of the pictures", iou) for q, iou in report.picturewise.worst_i.items()),
        ("ADE20K's own score", report.ade20k_score),
    ]
    if isinstance(report, ModelReport):
        rows += [
            ("mIoU of seen classes", report.seen_miou),
            ("mIoU of unseen classes", report.unseen_miou),
            ("hIoU", report.h_iou),
            (
                "calibration error (ECE)",
                None if report.calibration is None else report.calibration.ece,
            ),
            ("AUROC of unlabelled pixels", report.anomaly_auroc),
        ]
    return [(name, value) for name, value in rows if value is not None and math.isfinite(value)]


def class_rows(report: ScoreReport) -> list[tuple[str, float]]:
    """IoU of each class that has one, the best first."""
    rows = [(name, iou) for name, iou in report.per_class_iou.items() if iou is not None]
    return sorted(rows, key=lambda row: -row[1])


def stratum_rows(report: ScoreReport) -> list[tuple[str, str, int, int, str, str]]:
    """Scores by what is in the pictures."""
    return [
        (one.by, one.name, one.pictures, one.classes, one.measure, f"{one.score:.4f}")
        for one in report.strata
    ]


def corruption_rows(report: RobustnessReport) -> tuple[list[str], list[list[str]]]:
    """Columns and rows: the mIoU of each corruption by severity, its mean, and what is left of
    the clean pictures' on the same pixels."""
    columns = ["made worse", *(f"severity {one}" for one in report.severities), "mean", "left"]
    rows = [["clean", *("" for _ in report.severities), f"{report.clean_miou:.4f}", ""]]
    for mean in report.means:
        mious = [one.miou for one in report.scores if one.corruption == mean.corruption]
        values = [*mious, mean.miou, mean.ratio]
        rows.append([mean.corruption, *(f"{value:.4f}" for value in values)])
    blank = ["" for _ in report.severities]
    rows.append(["mean", *blank, f"{report.miou:.4f}", f"{report.ratio:.4f}"])
    return columns, rows


def latex_corruptions(report: RobustnessReport) -> str:
    """The rows of ``corruption_rows`` in percent, with the seed as a comment; needs booktabs."""
    columns, rows = corruption_rows(report)
    percent = [
        [
            row[0].replace("_", " "),
            *(f"{100 * float(one):.1f}" if one else "" for one in row[1:]),
        ]
        for row in rows
    ]
    comment = f"mIoU over the classes in the labels; seed {report.seed}"
    return latex_tabular([comment], columns[1:], percent)


def latex_table(report: ScoreReport) -> str:
    """One row in percent, with what it is of as a comment; needs the package booktabs."""
    scores = dict(score_rows(report))
    columns = {head: name for head, name in _COLUMNS.items() if name in scores}
    cells = [f"{100 * scores[name]:.1f}" for name in columns.values()]
    if isinstance(report, ModelReport):
        what = report.checkpoint.name
    else:
        assert isinstance(report, MasksReport)
        what = report.predictions.name
    return latex_tabular(_described(report), list(columns), [[what, *cells]])


def _described(report: ScoreReport) -> list[str]:
    lines = [
        f"{report.dataset} {report.split}, {counted(report.images, 'picture')}, hash "
        f"{report.data_hash[:12]}"
    ]
    if isinstance(report, ModelReport):
        how = report.protocol
        scales = ", ".join(f"{scale:g}" for scale in how.scales)
        lines.append(f"{how.mode}, short side {how.short_side}, scales {scales}, flip {how.flip}")
        lines.append(
            f"averaged: {how.averaged}; {counted(how.classes, 'class')} of {how.vocabulary}"
        )
    return lines
