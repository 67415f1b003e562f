"""Read a comparison off the counts of its arms.

In:  tallies of arms, splits, the rule.
Out: the rows of a CompareReport; rows that SQL joins with a store.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from langseg.cache.counted import counted
from langseg.pipelines.shared.compare_report import ArmRow, ClassRow, Competing, GroupRow
from langseg.pipelines.shared.result_rows import RESULTS
from langseg.segmenter.comparison.bootstrap import Bootstrap, Counted, Difference
from langseg.segmenter.comparison.counting import Protocol
from langseg.segmenter.comparison.fitted import Tally
from langseg.segmenter.comparison.scores import Side, Size, accuracies, ious
from langseg.segmenter.comparison.splits import Split
from langseg.segmenter.comparison.verdict import REAL, Dealt, Rule, Verdict, compared, verdict


@dataclass(frozen=True, kw_only=True, eq=False)
class Arm:
    """One draw of an arm, counted."""

    name: str
    seed: int | None
    bank: str
    tally: Tally


@dataclass(frozen=True, kw_only=True, eq=False)
class Grounds:
    """What a report rests on; ``groups``: bool [S, C] cells by name."""

    arms: Sequence[Arm]
    splits: Sequence[Split]
    names: Sequence[str]
    size: Size
    groups: Mapping[str, np.ndarray]
    seed: int


def arm_rows(grounds: Grounds, rule: Rule) -> tuple[Sequence[ArmRow], Difference | None]:
    """The arms, the real words first, and the difference that the verdict is of, None where its
    control was not run."""
    boot = Bootstrap(grounds.size.pictures, grounds.size.classes, grounds.seed)
    by_name: dict[str, list[Arm]] = {}
    for arm in grounds.arms:
        by_name.setdefault(arm.name, []).append(arm)
    among = {name: [_among(one, grounds) for one in arms] for name, arms in by_name.items()}
    differences = {
        name: boot.difference(among[REAL], counts)
        for name, counts in among.items() if name != REAL
    }  # fmt: skip
    told = {one.arm: one for one in compared(differences, rule)}
    rows = []
    for name, arms in by_name.items():
        one = told.get(name)
        row = ArmRow(
            arm=name,
            draws=len(arms),
            banks=list(dict.fromkeys(arm.bank for arm in arms)),
            score=float(np.mean([one.score for one in among[name]])),
            competing=_competing(arms, "all", grounds),
            calibrated=_competing(arms, "calibrated", grounds) if arms[0].tally.biases else None,
        )
        if one is not None:
            row = replace(row, difference=one.difference, holm=one.holm, word=one.word)
        rows.append(row)
    return rows, differences.get(rule.control)


def group_rows(grounds: Grounds, rule: Rule) -> Sequence[GroupRow]:
    """Rare, small, near and far unseen classes apart."""
    boot = Bootstrap(grounds.size.pictures, grounds.size.classes, grounds.seed)
    rows = []
    for group, cells in grounds.groups.items():
        real, control = (
            [_within(_among(arm, grounds), cells) for arm in grounds.arms if arm.name == name]
            for name in (REAL, rule.control)
        )
        held = real[0].asked.any(axis=0).sum()
        if held > 1 and control:
            rows.append(GroupRow(
                group=group, classes=int(held), difference=boot.difference(real, control)
            ))  # fmt: skip
    return rows


def class_rows(grounds: Grounds, rule: Rule) -> Sequence[ClassRow]:
    """Each class that was unseen somewhere."""
    sides = []
    for name in (REAL, rule.control):
        counts = [_among(arm, grounds) for arm in grounds.arms if arm.name == name]
        part, whole = (sum(getattr(one, of).sum(axis=1) for one in counts) for of in
                       ("part", "whole"))  # fmt: skip
        sides.append((np.asarray(part), np.asarray(whole), counts))
    rows = []
    asked = sides[0][2][0].asked
    for place in np.flatnonzero(asked.any(axis=0)).tolist():
        of = asked[:, place]
        means = [
            100 * float((part[of, place] / whole[of, place]).mean()) if counts else float("nan")
            for part, whole, counts in sides
        ]
        rows.append(ClassRow(
            name=grounds.names[place], splits=int(of.sum()), real=means[0], control=means[1]
        ))  # fmt: skip
    return sorted(rows, key=lambda row: row.control - row.real)


def told_verdict(
    difference: Difference | None, dealt: Dealt | None, rule: Rule, size: str
) -> Verdict:
    """Raises: nothing; without the control there is none."""
    if difference is None:
        return Verdict(
            word="no difference",
            sentence=f"no verdict: the arm {rule.control}, which it is held against, was not run",
        )
    return verdict(difference, dealt, rule, size)


def size_words(splits: int, seeds: int, pictures: int, clusters: int) -> str:
    """What the verdict's line says in brackets."""
    return ", ".join([
        counted(splits, "split"), counted(seeds, "seed"), counted(pictures, "picture"),
        counted(clusters, "cluster"),
    ])  # fmt: skip


def result_table(grounds: Grounds) -> pa.Table:
    """A row for each arm, draw, split, class and protocol: pixels that are the class's, that were
    said to be, and that were both."""
    columns: dict[str, list[object]] = {name: [] for name in RESULTS.schema.names}
    for arm in grounds.arms:
        sums: dict[tuple[int, Protocol], np.ndarray] = {}
        for (split, _, protocol), cells in arm.tally.cells.items():
            table = sums.setdefault((split, protocol), np.zeros((3, len(grounds.names)), np.int64))
            real = cells.predicted < len(grounds.names)
            right = cells.predicted == cells.true
            np.add.at(table[0], cells.true, cells.pixels)
            np.add.at(table[1], cells.predicted[real], cells.pixels[real])
            np.add.at(table[2], cells.true[right], cells.pixels[right])
        for (split, protocol), table in sorted(sums.items()):
            for place in np.flatnonzero(table[:2].any(axis=0)).tolist():
                row = (
                    arm.name, arm.seed, arm.bank, split, grounds.names[place],
                    place in grounds.splits[split].unseen, protocol,
                    *(int(one) for one in table[:, place]),
                )  # fmt: skip
                for column, value in zip(columns.values(), row, strict=True):
                    column.append(value)
    return pa.table(columns, schema=RESULTS.schema)


def _among(arm: Arm, grounds: Grounds) -> Counted:
    return accuracies(arm.tally, grounds.splits, grounds.size)


def _within(one: Counted, cells: np.ndarray) -> Counted:
    return replace(one, asked=one.asked & cells)


def _competing(arms: Sequence[Arm], protocol: Protocol, grounds: Grounds) -> Competing:
    sides: tuple[Side, Side] = ("seen", "unseen")
    seen, unseen = (
        float(np.mean([
            ious(arm.tally, protocol, grounds.splits, grounds.size, side).score for arm in arms
        ]))
        for side in sides
    )  # fmt: skip
    return Competing(
        seen=seen, unseen=unseen, harmonic=2 * seen * unseen / max(1e-12, seen + unseen)
    )
