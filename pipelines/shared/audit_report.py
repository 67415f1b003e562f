"""What an audit found: the answers in SQL and the quality of a vocabulary's sets.

In:  what the commands of `pipelines.desc` measured.
Out: reports, as the terminal's tables and the page read them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langseg.pipelines.shared.chosen_set import ChosenSet
from langseg.pipelines.shared.picture_report import PictureReport

if TYPE_CHECKING:
    from langseg.descriptors.quality.compare_sets import SetRow
    from langseg.descriptors.quality.flags import Flag

Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class StandingAnswer:
    """What a store answers to one standing question."""

    name: str
    question: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, kw_only=True)
class SetCoverage:
    """How many classes are ``described`` at all, and in each slot; how many of the
    ``plausible_pairs`` of class and scene have phrases of their own."""

    described: int
    slots: Mapping[str, int]
    pairs: int
    plausible_pairs: int


@dataclass(frozen=True, kw_only=True)
class PhraseCounts:
    """How many phrases are of so many ``words`` (pairs of both numbers, ascending), in each of the
    ``slots`` that has one, and bound to each of the ``scenes``, the most described first."""

    words: Sequence[tuple[int, int]]
    slots: Mapping[str, int]
    scenes: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class DiscriminabilityReport:
    """How often a phrase finds its class; shares in 0..1, nan where nothing is measured.

    What ends in ``_there`` is of the trials that need look-alikes with phrases; ``by_meaning`` is
    ``score`` with the definitions added to the names, None where the vocabulary has none.
    """

    score: float
    interval: Interval
    chance: float
    dealt: float
    by_meaning: float | None
    by_meaning_interval: Interval | None
    classes: int
    phrases: int
    masked: int
    by_phrases: float
    by_name_there: float
    by_both: float
    gain_over_names: float
    gain_interval: Interval
    classes_there: int
    look_alikes_there: float


@dataclass(frozen=True, kw_only=True)
class ClassReport:
    """One class of a set.

    ``flags`` counts each reason; ``look_alikes`` are the classes that the class's phrases are
    tried against, ``not_told_from`` its weak pairs, worst first. Shares in 0..1, nan where
    nothing is measured, None without vectors.
    """

    class_name: str
    phrases: int
    subclasses: int
    slots: Sequence[str]
    scenes: int
    plausible: int
    flags: Mapping[str, int]
    missing_slots: Sequence[str]
    not_told_from: Sequence[str] = ()
    look_alikes: Sequence[str] = ()
    by_name: float | None = None
    by_phrases: float | None = None
    by_both: float | None = None
    by_name_there: float | None = None
    chance: float | None = None


@dataclass(frozen=True, kw_only=True)
class QualityReport:
    """The quality of one set, with the other sets of the vocabulary in ``sets`` beside it.

    ``flag_counts`` is None for a rule that could not be looked at, which ``not_measured`` names;
    ``weak_pairs`` are two classes and the share of trials that tell them apart.
    """

    vocabulary: str
    model: str
    encoder: str
    flag_counts: Mapping[str, int | None]
    not_measured: Sequence[str]
    flags: "Sequence[Flag]"
    classes: Sequence[ClassReport]
    coverage: SetCoverage
    phrase_counts: PhraseCounts
    why_not: str
    discriminability: DiscriminabilityReport | None
    weak_pairs: Sequence[tuple[str, str, float]]
    sets: "Sequence[SetRow]"
    sentence: str


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """``missing`` are the classes without a descriptor; ``set`` and ``quality`` are those of a
    vocabulary, ``by_pictures`` what labelled pictures say of its phrases."""

    answers: Sequence[StandingAnswer]
    missing: Sequence[str]
    sentence: str
    set: ChosenSet | None = None
    quality: QualityReport | None = None
    by_pictures: PictureReport | None = None
