"""Report the quality of a vocabulary's descriptors.

In:  the quality of one set, perhaps the assessor of the other sets.
Out: JSON-able values; ``sentence`` is the set in one line.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from langseg.cache.records import ANY_SCENE, SLOTS
from langseg.descriptors.quality.assess import Assessor, SetQuality
from langseg.descriptors.quality.compare_sets import other_set_rows, set_row
from langseg.descriptors.quality.discriminability import interval, mean_of
from langseg.descriptors.quality.flags import RULES, own_phrases
from langseg.pipelines.shared.percentages import points, share

_SHARES = ("by_name", "by_phrases", "by_both", "by_name_there", "chance")


def quality_report(quality: SetQuality, assessor: Assessor | None = None) -> dict[str, Any]:
    """As JSON-able values; ``sentence`` is the set in one line. A flag that could not be looked
    for has no count.

    ``assessor`` adds the other sets of the vocabulary to ``sets``, beside this one.
    """
    counts = Counter(flag.reason for flag in quality.flags)
    report: dict[str, Any] = {
        "vocabulary": quality.chosen.vocabulary.name,
        "model": quality.model,
        "encoder": quality.encoder_id,
        "flag_counts": {
            reason: None if reason in quality.unmeasured else counts[reason] for reason in RULES
        },
        "not_measured": list(quality.unmeasured),
        "flags": [asdict(flag) for flag in quality.flags],
        "classes": _class_rows(quality),
        "coverage": _coverage(quality),
        "phrase_counts": _phrase_counts(quality),
        "why_not": quality.why_not,
        "discriminability": _discriminability(quality),
        "weak_pairs": [],
        "sets": [set_row(quality)],
    }
    if assessor is not None:
        report["sets"] += other_set_rows(quality, assessor)
    if quality.measured is not None:
        names = quality.names
        report["weak_pairs"] = [
            [names[a], names[b], share_apart] for a, b, share_apart in quality.measured.weak_pairs
        ]
    return report | {"sentence": _sentence(report)}


def _class_rows(quality: SetQuality) -> list[dict[str, Any]]:
    """``flags`` counts each reason; ``look_alikes`` are the classes that the class's phrases are
    tried against, ``not_told_from`` its weak pairs, worst first."""
    flagged = {name: Counter[str]() for name in quality.names}
    for flag in quality.flags:
        flagged[flag.class_name][flag.reason] += 1
    rows = [
        {"class_name": name, **asdict(quality.coverage[name]), "flags": dict(flagged[name])}
        | {"missing_slots": quality.coverage[name].missing_slots, "not_told_from": []}
        for name in quality.names
    ]
    # there are no look-alikes without vectors
    for row, look_alikes in zip(rows, quality.look_alikes, strict=False):
        row["look_alikes"] = [quality.names[at] for at in look_alikes]
    if quality.measured is not None:
        for one, other, _ in quality.measured.weak_pairs:
            rows[one]["not_told_from"].append(quality.names[other])
            rows[other]["not_told_from"].append(quality.names[one])
        shares = [getattr(quality.measured, name) for name in _SHARES]
        for row, *values in zip(rows, *shares, strict=True):
            row |= dict(zip(_SHARES, map(float, values), strict=True))
    return rows


def _coverage(quality: SetQuality) -> dict[str, Any]:
    """How many classes have a phrase at all, and in each slot; how many pairs of class and scene
    that are plausible have phrases of their own."""
    rows = quality.coverage.values()
    named = any(row.slots for row in rows)  # imported sets name no slots
    return {
        "described": sum(row.phrases > 0 for row in rows),
        "slots": {slot: sum(slot in row.slots for row in rows) for slot in SLOTS if named},
        "pairs": sum(row.scenes for row in rows),
        "plausible_pairs": sum(row.plausible for row in rows),
    }


def _phrase_counts(quality: SetQuality) -> dict[str, Any]:
    """How many phrases are of so many ``words`` (rows of both numbers, ascending), in each of the
    ``slots`` that has one, and bound to each of the ``scenes``, the most described first."""
    phrases = [phrase for rows in quality.phrases.values() for phrase in own_phrases(rows)]
    words = Counter(len(phrase.text.split()) for phrase in phrases)
    slots = Counter(phrase.slot for phrase in phrases)
    known = [slot for slot in (*SLOTS, *sorted(slots.keys() - set(SLOTS))) if slot in slots]
    scenes = Counter(phrase.scene for phrase in phrases if phrase.scene != ANY_SCENE)
    return {
        "words": [[number, count] for number, count in sorted(words.items())],
        "slots": {slot: slots[slot] for slot in known},
        "scenes": dict(scenes.most_common()),
    }


def _discriminability(quality: SetQuality) -> dict[str, Any] | None:
    """The keys in ``_there`` are of the trials that need look-alikes with phrases; ``by_meaning``
    is ``score`` with the definitions added to the names."""
    measured, by_meaning = quality.measured, quality.by_meaning
    if measured is None:
        return None
    tried = measured.look_alikes_there > 0
    return {
        "score": measured.score,
        "interval": interval(measured.by_name),
        "chance": mean_of(measured.chance),
        "dealt": measured.dealt,
        "by_meaning": None if by_meaning is None else mean_of(by_meaning),
        "by_meaning_interval": None if by_meaning is None else interval(by_meaning),
        "classes": int((measured.chance > 0).sum()),
        "phrases": 0 if quality.fit is None else len(quality.fit[1]),
        "masked": quality.masked,
        "by_phrases": mean_of(measured.by_phrases),
        "by_name_there": mean_of(measured.by_name_there),
        "by_both": mean_of(measured.by_both),
        "gain_over_names": mean_of(measured.gain),
        "gain_interval": interval(measured.gain),
        "classes_there": int(tried.sum()),
        "look_alikes_there": (
            float(measured.look_alikes_there[tried].mean()) if tried.any() else 0.0
        ),
    }


def _sentence(report: Mapping[str, Any]) -> str:
    flags = {reason: count for reason, count in report["flag_counts"].items() if count}
    sentence = f"{sum(flags.values())} flags"
    if flags:
        sentence += f" ({', '.join(f'{count} {reason}' for reason, count in flags.items())})"
    if report["not_measured"]:
        sentence += f"; not measured: {', '.join(report['not_measured'])}"
    measured = report["discriminability"]
    if measured is None:
        return f"{sentence}; discriminability was not measured, as {report['why_not']}"
    if not measured["classes"]:
        why = report["why_not"] or "no class has the phrases that it is measured on"
        return f"{sentence}; discriminability was not measured, as {why}"
    score = share(measured["score"], measured["interval"])
    return (
        f"{sentence}; discriminability by name {score} over {measured['classes']} classes, "
        f"dealt at random {share(measured['dealt'])}{_gain(measured)}; "
        f"{len(report['weak_pairs'])} pairs of classes are not told apart"
    )


def _gain(measured: Mapping[str, Any]) -> str:
    if not measured["classes_there"]:
        return ""
    gained = points(measured["gain_over_names"], measured["gain_interval"])
    return (
        f"; where look-alikes have phrases, too, {share(measured['by_name_there'])} by name, and "
        f"{share(measured['by_both'])} by name and the other phrases: {gained}"
    )
