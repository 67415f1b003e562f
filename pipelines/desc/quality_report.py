"""Report the quality of a vocabulary's descriptors.

In:  the quality of one set, perhaps the assessor of the other sets.
Out: a report, whose ``sentence`` is the set in one line.
"""

from collections import Counter
from dataclasses import replace

from langseg.cache.records import ANY_SCENE, SLOTS
from langseg.descriptors.quality.assess import Assessor, SetQuality
from langseg.descriptors.quality.compare_sets import other_set_rows, set_row
from langseg.descriptors.quality.discriminability import interval, mean_of
from langseg.descriptors.quality.flags import RULES, own_phrases
from langseg.pipelines.shared.audit_report import (
    ClassReport,
    DiscriminabilityReport,
    PhraseCounts,
    QualityReport,
    SetCoverage,
)
from langseg.pipelines.shared.percentages import points, share


def quality_report(quality: SetQuality, assessor: Assessor | None = None) -> QualityReport:
    """What there is to say of a set; ``assessor`` adds the other sets of the vocabulary."""
    counts = Counter(flag.reason for flag in quality.flags)
    names = quality.names
    weak = () if quality.measured is None else quality.measured.weak_pairs
    report = QualityReport(
        vocabulary=quality.chosen.vocabulary.name,
        model=quality.model,
        encoder=quality.encoder_id,
        flag_counts={
            reason: None if reason in quality.unmeasured else counts[reason] for reason in RULES
        },
        not_measured=quality.unmeasured,
        flags=quality.flags,
        classes=_class_reports(quality),
        coverage=_coverage(quality),
        phrase_counts=_phrase_counts(quality),
        why_not=quality.why_not,
        discriminability=_discriminability(quality),
        weak_pairs=[(names[a], names[b], share_apart) for a, b, share_apart in weak],
        sets=[set_row(quality), *(other_set_rows(quality, assessor) if assessor else ())],
        sentence="",
    )
    return replace(report, sentence=_sentence(report))


def _class_reports(quality: SetQuality) -> list[ClassReport]:
    flagged = {name: Counter[str]() for name in quality.names}
    for flag in quality.flags:
        flagged[flag.class_name][flag.reason] += 1
    reports = [
        ClassReport(
            class_name=name,
            **vars(quality.coverage[name]),
            flags=flagged[name],
            missing_slots=quality.coverage[name].missing_slots,
        )
        for name in quality.names
    ]
    # there are no look-alikes without vectors
    for row, look_alikes in enumerate(quality.look_alikes):
        names = [quality.names[at] for at in look_alikes]
        reports[row] = replace(reports[row], look_alikes=names)
    if quality.measured is None:
        return reports
    not_told_from: dict[int, list[str]] = {}
    for one, other, _ in quality.measured.weak_pairs:
        not_told_from.setdefault(one, []).append(quality.names[other])
        not_told_from.setdefault(other, []).append(quality.names[one])
    measured = quality.measured
    return [
        replace(
            report,
            not_told_from=not_told_from.get(row, ()),
            by_name=float(measured.by_name[row]),
            by_phrases=float(measured.by_phrases[row]),
            by_both=float(measured.by_both[row]),
            by_name_there=float(measured.by_name_there[row]),
            chance=float(measured.chance[row]),
        )
        for row, report in enumerate(reports)
    ]


def _coverage(quality: SetQuality) -> SetCoverage:
    rows = quality.coverage.values()
    named = any(row.slots for row in rows)  # imported sets name no slots
    return SetCoverage(
        described=sum(row.phrases > 0 for row in rows),
        slots={slot: sum(slot in row.slots for row in rows) for slot in SLOTS if named},
        pairs=sum(row.scenes for row in rows),
        plausible_pairs=sum(row.plausible for row in rows),
    )


def _phrase_counts(quality: SetQuality) -> PhraseCounts:
    phrases = [phrase for rows in quality.phrases.values() for phrase in own_phrases(rows)]
    words = Counter(len(phrase.text.split()) for phrase in phrases)
    slots = Counter(phrase.slot for phrase in phrases)
    known = [slot for slot in (*SLOTS, *sorted(slots.keys() - set(SLOTS))) if slot in slots]
    scenes = Counter(phrase.scene for phrase in phrases if phrase.scene != ANY_SCENE)
    return PhraseCounts(
        words=sorted(words.items()),
        slots={slot: slots[slot] for slot in known},
        scenes=dict(scenes.most_common()),
    )


def _discriminability(quality: SetQuality) -> DiscriminabilityReport | None:
    measured, by_meaning = quality.measured, quality.by_meaning
    if measured is None:
        return None
    tried = measured.look_alikes_there > 0
    return DiscriminabilityReport(
        score=measured.score,
        interval=interval(measured.by_name),
        chance=mean_of(measured.chance),
        dealt=measured.dealt,
        by_meaning=None if by_meaning is None else mean_of(by_meaning),
        by_meaning_interval=None if by_meaning is None else interval(by_meaning),
        classes=int((measured.chance > 0).sum()),
        phrases=0 if quality.fit is None else len(quality.fit[1]),
        masked=quality.masked,
        by_phrases=mean_of(measured.by_phrases),
        by_name_there=mean_of(measured.by_name_there),
        by_both=mean_of(measured.by_both),
        gain_over_names=mean_of(measured.gain),
        gain_interval=interval(measured.gain),
        classes_there=int(tried.sum()),
        look_alikes_there=(float(measured.look_alikes_there[tried].mean()) if tried.any() else 0.0),
    )


def _sentence(report: QualityReport) -> str:
    flags = {reason: count for reason, count in report.flag_counts.items() if count}
    sentence = f"{sum(flags.values())} flags"
    if flags:
        sentence += f" ({', '.join(f'{count} {reason}' for reason, count in flags.items())})"
    if report.not_measured:
        sentence += f"; not measured: {', '.join(report.not_measured)}"
    measured = report.discriminability
    if measured is None:
        return f"{sentence}; discriminability was not measured, as {report.why_not}"
    if not measured.classes:
        why = report.why_not or "no class has the phrases that it is measured on"
        return f"{sentence}; discriminability was not measured, as {why}"
    score = share(measured.score, measured.interval)
    return (
        f"{sentence}; discriminability by name {score} over {measured.classes} classes, "
        f"dealt at random {share(measured.dealt)}{_gain(measured)}; "
        f"{len(report.weak_pairs)} pairs of classes are not told apart"
    )


def _gain(measured: DiscriminabilityReport) -> str:
    if not measured.classes_there:
        return ""
    gained = points(measured.gain_over_names, measured.gain_interval)
    return (
        f"; where look-alikes have phrases, too, {share(measured.by_name_there)} by name, and "
        f"{share(measured.by_both)} by name and the other phrases: {gained}"
    )
