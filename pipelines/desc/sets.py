"""Set the sets of descriptors that a store has for one vocabulary side by side.

In:  the judged set, and the judge of the others.
Out: a row for each set, as JSON-able values; a row of another set also says how much better or
     worse it is than the judged one over the classes that both describe.
"""

from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langseg.pipelines.desc.judged import Judge, Quality


def set_row(quality: "Quality") -> dict[str, Any]:
    """``flags_per_100`` are of the phrases: a class without any is counted by ``classes``; flags
    of the rules ``not_measured`` may be missing from it."""
    from langseg.descriptors.quality.discriminability import interval

    found = quality.measured
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
        "measured_classes": 0 if found is None else int((found.chance > 0).sum()),
        "score": None if found is None else found.score,
        "interval": None if found is None else interval(found.by_name),
        "why_not": quality.why_not,
        "paired": None,
    }


def compared(judged: "Quality", judge: "Judge") -> Iterator[dict[str, Any]]:
    """The rows of the other sets; ``paired`` is None where a pair shares no measured class."""
    for other in judge.others():
        yield set_row(other) | {"paired": _paired(judged, other, judge)}


def _paired(judged: "Quality", other: "Quality", judge: "Judge") -> dict[str, Any] | None:
    from langseg.descriptors.quality.discriminability import interval, mean_of, paired_shares

    by = judge.yardstick
    if by is None or judged.fit is None or other.fit is None:
        return None
    mine, theirs = paired_shares(judged.fit, other.fit, by.names, by.rivals)
    difference = theirs - mine
    classes = [name for name, d in zip(judged.names, difference, strict=True) if not isnan(d)]
    if not classes:
        return None
    return {
        "classes": classes,
        "score": mean_of(theirs),
        "judged_score": mean_of(mine),
        "difference": mean_of(difference),
        "interval": interval(difference),
    }
