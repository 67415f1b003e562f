"""Set the sets of descriptors that a store has for one vocabulary side by side.

In:  the quality of the set that is asked about, and the assessor of the others.
Out: a row for each set, as JSON-able values; a row of another set also says how much better or
     worse it is than the first one over the classes that both describe.
"""

from collections.abc import Iterator
from math import isnan
from typing import Any

from langseg.descriptors.quality.assess import Assessor, SetQuality
from langseg.descriptors.quality.discriminability import interval, mean_of, paired_shares


def set_row(quality: SetQuality) -> dict[str, Any]:
    """``flags_per_100`` are of the phrases: a class without any is counted by ``classes``; flags
    of the rules ``not_measured`` may be missing from it."""
    measured = quality.measured
    phrases = sum(row.phrases for row in quality.coverage.values())
    flags = sum(flag.reason != "empty" for flag in quality.flags)
    return {
        "model": quality.model,
        "classes": sum(row.phrases > 0 for row in quality.coverage.values()),
        "phrases": phrases,
        "flags_per_100": 100 * flags / phrases if phrases else None,
        "not_measured": list(quality.unmeasured),
        "measured_phrases": 0 if quality.fit is None else len(quality.fit[1]),
        "masked_phrases": quality.masked,
        "measured_classes": 0 if measured is None else int((measured.chance > 0).sum()),
        "score": None if measured is None else measured.score,
        "interval": None if measured is None else interval(measured.by_name),
        "why_not": quality.why_not,
        "paired": None,
    }


def other_set_rows(quality: SetQuality, assessor: Assessor) -> Iterator[dict[str, Any]]:
    """The rows of the other sets; ``paired`` is None where a pair shares no measured class."""
    for other in assessor.others():
        yield set_row(other) | {"paired": _paired(quality, other, assessor)}


def _paired(quality: SetQuality, other: SetQuality, assessor: Assessor) -> dict[str, Any] | None:
    reference = assessor.reference
    if reference is None or quality.fit is None or other.fit is None:
        return None
    mine, theirs = paired_shares(quality.fit, other.fit, reference.names, reference.look_alikes)
    difference = theirs - mine
    classes = [name for name, d in zip(quality.names, difference, strict=True) if not isnan(d)]
    if not classes:
        return None
    return {
        "classes": classes,
        "score": mean_of(theirs),
        "assessed_score": mean_of(mine),
        "difference": mean_of(difference),
        "interval": interval(difference),
    }
