"""Answer what a store is asked about its descriptors, in numbers, tables or as a page.

In:  which store, perhaps which vocabulary, and which question.
Out: the canned audits' answers and, of a vocabulary, the quality of its sets, as JSON-able
     values; a page.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from langseg.cache.errors import InputError, UsageError
from langseg.descriptors.bank.stored_set import StoredSet
from langseg.descriptors.vocabulary.source import EncodedSource
from langseg.pipelines.desc.judged import Judge, Quality
from langseg.pipelines.desc.open_sets import open_sets
from langseg.pipelines.desc.sets import compared, set_row
from langseg.pipelines.shared.shares import points, share

SHORT = ("coverage", "counts", "rejections", "provenance")  # what ``audit`` prints unasked
_SHARES = ("by_name", "by_phrases", "by_both", "by_name_there", "chance")


def questions() -> list[tuple[str, str]]:
    """(name, question) of every canned audit."""
    from langseg.cache.sql.queries import AUDIT_QUESTIONS
    from langseg.cache.sql.views import question_sql

    return [(name, _comment(question_sql(name))) for name in AUDIT_QUESTIONS]


def check_question(name: str) -> None:
    """Raises: UsageError, for a name that ``questions`` does not list."""
    known = [known for known, _ in questions()]
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else "; audit --list shows them"
        raise UsageError(f"question {name!r}: wanted one of {', '.join(known)}{hint}")


def run_whole_audit(
    source: EncodedSource, question: str = "", html: Path | None = None, *, short: bool = False
) -> dict[str, Any]:
    """Answer the canned audits (one, or the ``short`` set), and judge a vocabulary if one is named.

    ``html`` is where the page of a vocabulary goes; ade20k's, if none is named.
    Raises: UsageError, for a question that there is not; InputError, when the vocabulary or the
    model that is named, or the vocabulary of the page, has no answer yet, naming those that have.
    """
    from langseg.cache.files import write_atomic
    from langseg.pipelines.desc.lens import run_audit

    if question:
        check_question(question)
    whole = html is None and not (source.dataset or source.classes or source.model)
    chosen = None if whole else _chosen(source)
    judge = None if chosen is None or (question and html is None) else Judge(source, chosen)
    report = run_audit(source.store, None, None, chosen=chosen)
    if judge is not None:
        quality = judge.named()
        report["quality"] = quality_report(quality, judge)
        report["sentence"] += f"; {report['quality']['sentence']}"
        if html is not None:
            write_atomic(html, audit_page(quality, report["quality"], report["answers"]).encode())
    wanted = (question,) if question else SHORT if short else None
    if wanted is not None:
        report["answers"] = [one for one in report["answers"] if one["name"] in wanted]
    return report


def audit_page(
    quality: Quality, report: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]
) -> str:
    """``render_audit`` with what the page shows of a set and no report holds."""
    from langseg.pipelines.pages.audit import render_audit

    return render_audit(
        report,
        answers,
        phrases=quality.phrases,
        likeness=quality.likeness,
        snapshot=quality.chosen.store.manifest.name,
        vocabulary_hash=quality.chosen.vocabulary.hash,
    )


def _chosen(source: EncodedSource) -> StoredSet:
    try:
        return open_sets(source).of(source.model)
    except InputError as exc:
        if source.dataset is not None or source.classes is not None:
            raise
        raise InputError(f"{exc}, or say which vocabulary is meant: {_answered(source)}") from exc


def _answered(source: EncodedSource) -> str:
    """What to give for the vocabularies that a store has answers for."""
    from langseg.descriptors.vocabulary.load import shipped_vocabularies

    known = []
    for name in shipped_vocabularies():
        try:
            open_sets(source.model_copy(update={"dataset": name})).of("")
        except InputError:
            continue
        known.append(f"--dataset {name}")
    return " or ".join([*known, "--classes FILE (the class list that was asked about)"])


def quality_report(quality: Quality, judge: Judge | None = None) -> dict[str, Any]:
    """As JSON-able values; ``sentence`` is the set in one line. A flag that could not be looked
    for has no count.

    ``judge`` adds the other sets of the vocabulary to ``sets``, beside the judged one.
    """
    from langseg.descriptors.quality.flags import RULES

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
        "why_not": quality.why_not,
        "discriminability": _discriminability(quality),
        "weak_pairs": [],
        "sets": [set_row(quality), *([] if judge is None else compared(quality, judge))],
    }
    if quality.measured is not None:
        names = quality.names
        report["weak_pairs"] = [
            [names[a], names[b], told] for a, b, told in quality.measured.weak_pairs
        ]
    return report | {"sentence": _sentence(report)}


def _class_rows(quality: Quality) -> list[dict[str, Any]]:
    """``flags`` counts each reason; ``rivals`` are what the class's phrases are tried against,
    ``not_told_from`` its weak pairs, worst first."""
    flagged = {name: Counter[str]() for name in quality.names}
    for flag in quality.flags:
        flagged[flag.class_name][flag.reason] += 1
    rows = [
        {"class_name": name, **asdict(quality.coverage[name]), "flags": dict(flagged[name])}
        | {"missing_slots": quality.coverage[name].missing_slots, "not_told_from": []}
        for name in quality.names
    ]
    for row, rivals in zip(rows, quality.rivals, strict=False):  # there are none without vectors
        row["rivals"] = [quality.names[rival] for rival in rivals]
    if quality.measured is not None:
        for one, other, _ in quality.measured.weak_pairs:
            rows[one]["not_told_from"].append(quality.names[other])
            rows[other]["not_told_from"].append(quality.names[one])
        shares = [getattr(quality.measured, name) for name in _SHARES]
        for row, *values in zip(rows, *shares, strict=True):
            row |= dict(zip(_SHARES, map(float, values), strict=True))
    return rows


def _coverage(quality: Quality) -> dict[str, Any]:
    """How many classes have a phrase at all, and in each slot; how many pairs of class and scene
    that are plausible have phrases of their own."""
    from langseg.cache.records import SLOTS

    rows = quality.coverage.values()
    named = any(row.slots for row in rows)  # imported sets name no slots
    return {
        "described": sum(row.phrases > 0 for row in rows),
        "slots": {slot: sum(slot in row.slots for row in rows) for slot in SLOTS if named},
        "pairs": sum(row.scenes for row in rows),
        "plausible_pairs": sum(row.plausible for row in rows),
    }


def _discriminability(quality: Quality) -> dict[str, Any] | None:
    """The keys in ``_there`` are of the trials that need rivals with phrases; ``by_meaning`` is
    ``score`` with the definitions added to the names."""
    from langseg.descriptors.quality.discriminability import interval, mean_of

    found, meant = quality.measured, quality.by_meaning
    if found is None:
        return None
    tried = found.rivals_there > 0
    return {
        "score": found.score,
        "interval": interval(found.by_name),
        "chance": mean_of(found.chance),
        "dealt": found.dealt,
        "by_meaning": None if meant is None else mean_of(meant),
        "by_meaning_interval": None if meant is None else interval(meant),
        "classes": int((found.chance > 0).sum()),
        "phrases": 0 if quality.fit is None else len(quality.fit[1]),
        "masked": quality.masked,
        "by_phrases": mean_of(found.by_phrases),
        "by_name_there": mean_of(found.by_name_there),
        "by_both": mean_of(found.by_both),
        "gain_over_names": mean_of(found.gain),
        "gain_interval": interval(found.gain),
        "classes_there": int(tried.sum()),
        "rivals_there": float(found.rivals_there[tried].mean()) if tried.any() else 0.0,
    }


def _sentence(report: Mapping[str, Any]) -> str:
    flags = {reason: count for reason, count in report["flag_counts"].items() if count}
    said = f"{sum(flags.values())} flags" + (
        f" ({', '.join(f'{count} {reason}' for reason, count in flags.items())})" if flags else ""
    )
    if report["not_measured"]:
        said += f"; not measured: {', '.join(report['not_measured'])}"
    found = report["discriminability"]
    if found is None:
        return f"{said}; discriminability was not measured, as {report['why_not']}"
    if not found["classes"]:
        why = report["why_not"] or "no class has the phrases that it is measured on"
        return f"{said}; discriminability was not measured, as {why}"
    return (
        f"{said}; discriminability by name {share(found['score'], found['interval'])} over "
        f"{found['classes']} classes, dealt at random {share(found['dealt'])}{_gain(found)}; "
        f"{len(report['weak_pairs'])} pairs of classes are not told apart"
    )


def _gain(found: Mapping[str, Any]) -> str:
    if not found["classes_there"]:
        return ""
    gained = points(found["gain_over_names"], found["gain_interval"])
    return (
        f"; where rivals have phrases, too, {share(found['by_name_there'])} by name, and "
        f"{share(found['by_both'])} by name and the other phrases: {gained}"
    )


def _comment(sql: str) -> str:
    lines = [line.removeprefix("-- ") for line in sql.splitlines() if line.startswith("-- ")]
    return " ".join(lines)
