"""What a comparison of arms found, as it is told and kept.

In:  nothing; values by name.
Out: a CompareReport, frozen, whose fields are the keys of ``--json`` and of ``compare.json``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from langseg.segmenter.comparison.bootstrap import Difference
from langseg.segmenter.comparison.verdict import Dealt, Rule, Word


@dataclass(frozen=True, kw_only=True)
class Competing:
    """mIoU in points where all classes compete, over splits and classes of a side, and the
    harmonic mean of the two."""

    seen: float
    unseen: float
    harmonic: float


@dataclass(frozen=True, kw_only=True)
class ArmRow:
    """``score``: pixel accuracy among the unseen, in points; ``difference`` of the real words to
    it, with ``word`` and Holm's p, None for these themselves. ``competing`` without and
    ``calibrated`` with one bias, None where none is chosen."""

    arm: str
    draws: int
    banks: Sequence[str]
    score: float
    competing: Competing
    calibrated: Competing | None
    difference: Difference | None = None
    holm: float | None = None
    word: Word | None = None


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """The difference to the control among unseen classes of one kind."""

    group: str
    classes: int
    difference: Difference


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """Accuracy among the unseen of one class, in points, and in how many splits it was."""

    name: str
    splits: int
    real: float
    control: float


@dataclass(frozen=True, kw_only=True)
class CompareReport:
    """``sentence`` is the verdict's line, ``claims`` what it does not say; ``dealt`` is None where
    heads were trained."""

    out: Path
    dataset: str
    head: str
    rule: Rule
    word: Word
    sentence: str
    claims: Sequence[str]
    chance: float
    dealt: Dealt | None
    arms: Sequence[ArmRow]
    groups: Sequence[GroupRow]
    classes: Sequence[ClassRow]
    splits: Sequence[Sequence[str]]
    pictures: int
    seeds: int
    seconds: float
