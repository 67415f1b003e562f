"""Set the sets of descriptors that a store has for one vocabulary side by side.

In:  the quality of the set that is asked about, and the assessor of the others.
Out: a row for each set; a row of another set also says how much better or
     worse it is than the first one over the classes that both describe.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan

from langseg.descriptors.quality.assess import Assessor, SetQuality
from langseg.descriptors.quality.discriminability import interval, mean_of, paired_shares


@dataclass(frozen=True, kw_only=True)
class PairedScores:
    """A set and the assessed one over the ``classes`` that both describe; shares in 0..1."""

    classes: Sequence[str]
    score: float
    assessed_score: float
    difference: float
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class SetRow:
    """One set in numbers.

    ``flags_per_100`` are of the phrases: a class without any is counted by ``classes``; flags of
    the rules ``not_measured`` may be missing from it. ``score`` in 0..1, None where nothing was
    measured, as ``why_not`` says; ``paired`` is None for the assessed set, and where a pair
    shares no measured class.
    """

    model: str
    classes: int
    phrases: int
    flags_per_100: float | None
    not_measured: Sequence[str]
    measured_phrases: int
    masked_phrases: int
    measured_classes: int
    score: float | None
    interval: tuple[float, float] | None
    why_not: str
    paired: PairedScores | None = None


def set_row(quality: SetQuality) -> SetRow:
    """The numbers of one set, compared with none."""
    measured = quality.measured
    phrases = sum(row.phrases for row in quality.coverage.values())
    flags = sum(flag.reason != "empty" for flag in quality.flags)
    return SetRow(
        model=quality.model,
        classes=sum(row.phrases > 0 for row in quality.coverage.values()),
        phrases=phrases,
        flags_per_100=100 * flags / phrases if phrases else None,
        not_measured=quality.unmeasured,
        measured_phrases=0 if quality.fit is None else len(quality.fit[1]),
        masked_phrases=quality.masked,
        measured_classes=0 if measured is None else int((measured.chance > 0).sum()),
        score=None if measured is None else measured.score,
        interval=None if measured is None else interval(measured.by_name),
        why_not=quality.why_not,
    )


def other_set_rows(quality: SetQuality, assessor: Assessor) -> Iterator[SetRow]:
    """The rows of the other sets."""
    for other in assessor.others():
        yield replace(set_row(other), paired=_paired(quality, other, assessor))


def _paired(quality: SetQuality, other: SetQuality, assessor: Assessor) -> PairedScores | None:
    reference = assessor.reference
    if reference is None or quality.fit is None or other.fit is None:
        return None
    mine, theirs = paired_shares(quality.fit, other.fit, reference.names, reference.look_alikes)
    difference = theirs - mine
    classes = [name for name, d in zip(quality.names, difference, strict=True) if not isnan(d)]
    if not classes:
        return None
    return PairedScores(
        classes=classes,
        score=mean_of(theirs),
        assessed_score=mean_of(mine),
        difference=mean_of(difference),
        interval=interval(difference),
    )
