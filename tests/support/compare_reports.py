"""A small comparison that was never run, to be laid out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from langseg.pipelines.seg.compare_rows import Arm
from langseg.pipelines.shared.compare_report import (
    ArmRow,
    ClassRow,
    CompareReport,
    Competing,
    GroupRow,
)
from langseg.segmenter.comparison.bootstrap import Difference
from langseg.segmenter.comparison.counting import Cells
from langseg.segmenter.comparison.fitted import Tally
from langseg.segmenter.comparison.verdict import Dealt, Rule

NASTY = '<script>alert("x")</script>\x1b[31m'


def difference(found: float, low: float, high: float) -> Difference:
    return Difference(
        real=50.0, other=50.0 - found, difference=found, low=low, high=high, p=0.02,
        smallest=12.5, clusters=7,
    )  # fmt: skip


def arm_row(name: str, found: Difference | None, **changes: Any) -> ArmRow:
    many = Competing(seen=52.5, unseen=0.25, harmonic=0.5)
    row = ArmRow(
        arm=name, draws=1, banks=["0" * 64], score=50.0 if found is None else found.other,
        competing=many, calibrated=replace(many, unseen=16.0), difference=found,
        holm=None if found is None else 0.04, word=None if found is None else "no difference",
    )  # fmt: skip
    return replace(row, **changes)


def compare_report(**changes: Any) -> CompareReport:
    """Real words, their control, and two more arms; a class with a name that is none."""
    report = CompareReport(
        out=Path("runs/compare"), dataset="mine", head="aligned", rule=Rule(),
        word="no difference",
        sentence="descriptors - random words = +10.0 [-5.0, +25.0] on unseen classes (2 splits, "
        "1 seed, 9 pictures, 7 clusters): no difference",
        claims=["one backbone"], chance=25.0, dealt=Dealt(score=26.5, p=0.025),
        arms=[
            arm_row("real", None),
            arm_row("named-random", difference(10, -5, 25)),
            arm_row("swapped", difference(40, 30, 50), word="yes"),
            arm_row("50%_more&more", difference(-20, -30, -10), word="harm", calibrated=None),
        ],
        groups=[GroupRow(group="rare", classes=3, difference=difference(20, 5, 35))],
        classes=[
            ClassRow(name=NASTY, splits=1, real=80.0, control=20.0),
            ClassRow(name="boat", splits=2, real=10.0, control=30.0),
        ],
        splits=[[NASTY, "boat"], ["boat", "car"]], pictures=9, seeds=1, seconds=1.5,
    )  # fmt: skip
    return replace(report, **changes)


def counted_arm(name: str, cells: dict[tuple[int, int], list[tuple[int, int, int]]]) -> Arm:
    """Args: cells: by split and picture: true class, predicted class, pixels among the unseen."""
    tally = Tally(
        cells={
            (split, picture, "among"): Cells(*np.array(rows, np.int64).reshape(-1, 3).T)
            for (split, picture), rows in cells.items()
        }
    )
    return Arm(name=name, seed=None, bank="0" * 64, tally=tally)
