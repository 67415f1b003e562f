"""Answer what a store is asked about its descriptors, in numbers, tables or as a page.

In:  which store, perhaps which vocabulary, and which question.
Out: the canned audits' answers and, of a vocabulary, its quality, as JSON-able values; a page.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from langseg.cache.errors import InputError, UsageError
from langseg.pipelines.config import EncodedSource
from langseg.pipelines.judged import Quality, judge_quality

SHORT = ("coverage", "counts", "rejections", "provenance")  # what ``audit`` prints unasked
_SHARES = ("by_name", "by_phrases", "by_both", "chance")


def questions() -> list[tuple[str, str]]:
    """(name, question) of every canned audit."""
    from langseg.cache.audit import AUDIT_QUESTIONS
    from langseg.cache.views import question_sql

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
    Raises: UsageError, for a question that there is not; InputError, as ``judge_quality``.
    """
    from langseg.cache.files import write_atomic
    from langseg.pipelines.lens import run_audit

    if question:
        check_question(question)
    whole = html is None and not (source.dataset or source.classes or source.model)
    dataset = None if whole else source.shipped
    report = run_audit(source.store, dataset, source.classes, source.model)
    if html is not None or not (whole or question):
        quality = _judged(source, must=html is not None)
        if quality is not None:
            report["quality"] = quality_report(quality)
            report["sentence"] += f"; {report['quality']['sentence']}"
        if quality is not None and html is not None:
            from langseg.pipelines.audit_page import render_audit

            page = render_audit(quality, report["quality"], report["answers"])
            write_atomic(html, page.encode())
    wanted = (question,) if question else SHORT if short else None
    if wanted is not None:
        report["answers"] = [one for one in report["answers"] if one["name"] in wanted]
    return report


def _judged(source: EncodedSource, must: bool) -> Quality | None:
    """None where nothing of the vocabulary was answered yet, unless it ``must`` be judged."""
    try:
        return judge_quality(source)
    except InputError:
        if must:
            raise
        return None


def quality_report(quality: Quality) -> dict[str, Any]:
    """As JSON-able values; ``sentence`` is the set in one line."""
    from langseg.descriptors.discriminability import interval, mean_of
    from langseg.descriptors.quality import RULES

    found, names = quality.measured, quality.names
    counts = Counter(flag.reason for flag in quality.flags)
    flagged = Counter(flag.class_name for flag in quality.flags)
    rows = [
        {"class_name": name, **asdict(quality.coverage[name]), "flags": flagged[name]}
        | {"missing_slots": quality.coverage[name].missing_slots}
        for name in names
    ]
    report: dict[str, Any] = {
        "vocabulary": quality.chosen.vocabulary.name,
        "model": quality.chosen.selection.model,
        "encoder": quality.encoder_id,
        "flag_counts": {reason: counts[reason] for reason in RULES},
        "flags": [asdict(flag) for flag in quality.flags],
        "classes": rows,
        "why_not": quality.why_not,
        "discriminability": None,
        "weak_pairs": [],
    }
    if found is not None:
        for row, *shares in zip(
            rows, found.by_name, found.by_phrases, found.by_both, found.chance, strict=True
        ):
            row |= dict(zip(_SHARES, map(float, shares), strict=True))
        gain = found.by_both - found.by_name
        report["discriminability"] = {
            "score": found.score,
            "interval": interval(found.by_name),
            "chance": mean_of(found.chance),
            "dealt": found.dealt,
            "by_phrases": mean_of(found.by_phrases),
            "by_both": mean_of(found.by_both),
            "gain_over_names": mean_of(gain),
            "gain_interval": interval(gain),
            "classes": int((found.chance > 0).sum()),
        }
        report["weak_pairs"] = [[names[a], names[b], told] for a, b, told in found.weak_pairs]
    return report | {"sentence": _sentence(report)}


def _sentence(report: Mapping[str, Any]) -> str:
    flags = {reason: count for reason, count in report["flag_counts"].items() if count}
    said = f"{sum(flags.values())} flags" + (
        f" ({', '.join(f'{count} {reason}' for reason, count in flags.items())})" if flags else ""
    )
    found = report["discriminability"]
    if found is None:
        return f"{said}; discriminability was not measured, as {report['why_not']}"
    if not found["classes"]:
        return f"{said}; no two classes have the phrases that discriminability is measured on"
    low, high = (100 * edge for edge in found["interval"])
    return (
        f"{said}; discriminability {100 * found['score']:.1f} % ({low:.1f} to {high:.1f}) over "
        f"{found['classes']} classes, dealt at random {100 * found['dealt']:.1f} %; "
        f"{len(report['weak_pairs'])} pairs of classes are not told apart"
    )


def _comment(sql: str) -> str:
    lines = [line.removeprefix("-- ") for line in sql.splitlines() if line.startswith("-- ")]
    return " ".join(lines)
