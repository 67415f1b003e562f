"""Lay a comparison of arms out as a page a person can read.

In:  a CompareReport, the pictures on which the real words and their control disagree most, and
     how it was run.
Out: one self-contained HTML file: no script, no outside file, every text escaped.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langseg.pipelines.pages.forest_plot import (
    DIFFERENCES,
    GAP,
    LABELS,
    NUMBERS,
    ROW,
    SCORES,
    ForestRow,
    draw_forest,
)
from langseg.pipelines.pages.page_template import filled
from langseg.pipelines.shared.compare_report import ArmRow, CompareReport, GroupRow
from langseg.segmenter.comparison.verdict import REAL

_KINDS = {"yes": "yes", "harm": "harm", "no difference": "none"}  # of a word: its colour


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """``share`` of the picture's asked pixels that are of class ``true`` and were called
    ``said``."""

    true: str
    said: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What the words of one side made of a picture: ``accuracy`` in points."""

    accuracy: float
    mistakes: Sequence[Mistake]


@dataclass(frozen=True, kw_only=True)
class ComparedPicture:
    """``asked``: the unseen classes of the picture, by their shares of the asked pixels;
    ``jpeg``: the picture, small."""

    stem: str
    jpeg: bytes
    splits: int
    asked: Mapping[str, float]
    real: Answered
    control: Answered


@dataclass(frozen=True, kw_only=True)
class ComparePage:
    """What the page shows. ``ran``: how it was run, label -> words; ``gains`` and ``losses``: the
    largest first."""

    report: CompareReport
    ran: Mapping[str, str]
    gains: Sequence[ComparedPicture]
    losses: Sequence[ComparedPicture]


def render_compare(page: ComparePage) -> str:
    """The page."""
    report = page.report
    margin = report.rule.margin
    return filled(
        "compare.html.jinja",
        {"number": _number, "signed": _signed},
        page=page,
        report=report,
        control="random words" if report.rule.control == "named-random" else report.rule.control,
        kind=_KINDS[report.word],
        real=REAL,
        arms=draw_forest(
            [_of_arm(row, report) for row in report.arms], margin=margin, chance=report.chance
        ),
        groups=draw_forest(
            [_of_group(row) for row in report.groups], margin=margin, chance=report.chance
        ),
        calibrated=any(row.calibrated for row in report.arms),
        labels=LABELS,
        gap=GAP,
        row=ROW,
        score_width=SCORES,
        width=LABELS + SCORES + DIFFERENCES + 2 * GAP + NUMBERS,
    )


def _of_arm(row: ArmRow, report: CompareReport) -> ForestRow:
    return ForestRow(
        label=row.arm,
        scores={"real" if row.arm == REAL else "arm": row.score},
        difference=row.difference,
        kind="none" if row.word is None else _KINDS[row.word],
        is_control=row.arm == report.rule.control,
    )


def _of_group(row: GroupRow) -> ForestRow:
    return ForestRow(
        label=row.group,
        scores={"arm": row.difference.other, "real": row.difference.real},
        difference=row.difference,
        kind="none",
        note=f", {row.classes} classes",
    )


def _number(value: float | None, form: str = "z.1f") -> str:
    """Nothing for what is not known."""
    return "" if value is None or not math.isfinite(value) else format(value, form)


def _signed(value: float | None) -> str:
    return _number(value, "+z.1f")
