"""Word the quality of a vocabulary's descriptors as tables, for the terminal and the page alike.

In:  a ``QualityReport``.
Out: titles, columns and rows.
"""

from collections.abc import Iterator, Sequence
from itertools import compress
from math import isnan
from typing import TYPE_CHECKING, Any

from langseg.pipelines.shared.audit_report import ClassReport, DiscriminabilityReport, QualityReport
from langseg.pipelines.shared.percentages import points, share

if TYPE_CHECKING:
    from langseg.descriptors.quality.compare_sets import SetRow
    from langseg.descriptors.quality.flags import Flag

Table = tuple[str, Sequence[str], list[tuple[Any, ...]]]
SET_COLUMNS = (
    "set",
    "classes",
    "phrases",
    "flags per 100 phrases",
    "discriminability",
    "classes in both",
    "this set there",
    "the assessed one there",
    "difference",
)
_PAIR_COLUMNS = 4
_WORST_COLUMNS = (
    "class",
    "phrases",
    "found by name",
    "by phrases",
    "tried against",
    "flags",
    "not told from",
    "slots without a phrase",
)
_WORST_NUMBERS = 4  # columns that are there even if nothing is in them
FLAG_COLUMNS = ("flag", "class", "phrase", "seen")
NOT_MEASURED = "not measured"


def quality_tables(report: QualityReport, rows: int) -> Iterator[Table]:
    """What the terminal shows; the worst classes and the flags up to a number of rows."""
    measured = report.discriminability
    if measured is not None and measured.classes == 0:
        measured = None
    if measured is not None:
        title = (
            "By what does a phrase find its class among that class and its look-alikes, and how "
            "often?"
        )
        yield title, ("by", "found", ""), measured_rows(measured)
    if measured is not None or len(report.sets) > 1:
        yield set_title(report), set_columns(report.sets), set_rows(report.sets)
    yield "Which classes are told apart worst?", *worst_table(report.classes, rows)
    unmeasured = [(rule, "", "", NOT_MEASURED) for rule in report.not_measured]
    if (flags := listed_flags(report)) or unmeasured:
        shown = [(flag.reason, flag.class_name, flag.text, flag.detail) for flag in flags[:rows]]
        more = len(flags) - len(shown)
        title = "What looks wrong?" + (f" ({more} more: --json, --html)" if more else "")
        yield title, FLAG_COLUMNS, [*shown, *unmeasured]


def measured_rows(measured: DiscriminabilityReport) -> list[tuple[str, str, str]]:
    """Ways of looking for a phrase's class, the share found, and what to make of it."""
    rows = [
        (
            "discriminability: by its name and synonyms",
            share(measured.score, measured.interval),
            f"the number of this set; {measured.phrases:,} phrases of "
            f"{measured.classes} classes"
            + (f", {measured.masked:,} with the name masked" if measured.masked else ""),
        ),
        (
            "chance: the same, the phrases dealt to classes at random",
            share(measured.dealt),
            f"without a pull of the names it would be {share(measured.chance)}",
        ),
    ]
    if measured.by_meaning is not None:
        rows.append(
            (
                "by meaning: name, synonyms and the vocabulary's definition",
                share(measured.by_meaning, measured.by_meaning_interval),
                "compare no sets by it: LangSeg wrote the definitions of its vocabularies, and "
                "the bundled phrases",
            )
        )
    if not measured.classes_there:
        return rows
    gained = points(measured.gain_over_names, measured.gain_interval)
    return [
        *rows,
        (
            "by the other phrases of the class",
            share(measured.by_phrases),
            f"{measured.classes_there} classes, {measured.look_alikes_there:.1f} look-alikes "
            "with phrases on average; wrong lists can be far apart, too",
        ),
        (
            "baseline: by its name and synonyms, in the trials of the next row",
            share(measured.by_name_there),
            "a phrase held out, look-alikes that have phrases only",
        ),
        (
            "by its name, synonyms and the other phrases",
            share(measured.by_both),
            f"against the baseline {gained}: what descriptors add",
        ),
    ]


def set_title(report: QualityReport) -> str:
    """What ``set_rows`` answers."""
    return f"Which sets of {report.vocabulary} are there, and which tells classes apart better?"


def set_columns(sets: "Sequence[SetRow]") -> Sequence[str]:
    """Of ``set_rows``; a set alone is compared with nothing."""
    return SET_COLUMNS if len(sets) > 1 else SET_COLUMNS[:-_PAIR_COLUMNS]


def set_rows(sets: "Sequence[SetRow]") -> list[tuple[Any, ...]]:
    """The assessed set first; the last columns are over the classes that both describe."""
    rows = []
    for one in sets:
        flags = "" if one.flags_per_100 is None else f"{one.flags_per_100:.1f}"
        if unmeasured := not_measured(one.not_measured):
            flags += f", {unmeasured}"
        number = share(one.score, one.interval)
        if number and one.measured_classes != one.classes:
            number += f" over {one.measured_classes}"
        number = number or one.why_not
        if one.masked_phrases:
            number += f", {one.masked_phrases:,} phrases masked"
        row = (_set_name(one, sets), one.classes, one.phrases, flags, number, *_pair(one))
        rows.append(row[: len(set_columns(sets))])
    return rows


def worst_table(
    classes: Sequence[ClassReport], count: int
) -> tuple[Sequence[str], list[tuple[Any, ...]]]:
    """The worst classes, without the columns of faults that none of them has."""
    rows = [_worst_row(row) for row in _worst_classes(classes, count)]
    filled = [
        at < _WORST_NUMBERS or any(row[at] for row in rows) for at in range(len(_WORST_COLUMNS))
    ]
    shown = [tuple(compress(row, filled)) for row in rows]
    return tuple(compress(_WORST_COLUMNS, filled)), shown


def _worst_classes(classes: Sequence[ClassReport], count: int) -> list[ClassReport]:
    """Of those that have a phrase: the least discriminable first, then the most flagged."""

    def badness(row: ClassReport) -> tuple[float, int]:
        by_name = 1.0 if row.by_name is None or isnan(row.by_name) else row.by_name
        return by_name, -sum(row.flags.values())

    return sorted((row for row in classes if row.phrases), key=badness)[:count]


def undescribed(classes: Sequence[ClassReport]) -> list[str]:
    """The names of the classes that have no phrase."""
    return [row.class_name for row in classes if not row.phrases]


def listed_flags(report: QualityReport) -> "list[Flag]":
    """Every flag but of classes without a phrase, which ``undescribed`` names."""
    return [flag for flag in report.flags if flag.reason != "empty"]


def not_measured(rules: Sequence[str]) -> str:
    """``3 rules not measured``, or nothing."""
    return f"{len(rules)} {'rule' if len(rules) == 1 else 'rules'} {NOT_MEASURED}" if rules else ""


def _worst_row(row: ClassReport) -> tuple[Any, ...]:
    texts = (
        ", ".join(row.look_alikes),
        flags_line(row),
        ", ".join(row.not_told_from),
        ", ".join(row.missing_slots),
    )
    return row.class_name, row.phrases, share(row.by_name), share(row.by_phrases), *texts


def flags_line(row: ClassReport) -> str:
    """The flags of a class: ``2 shared, 1 cut_off``."""
    return ", ".join(f"{count} {reason}" for reason, count in row.flags.items())


def _set_name(one: "SetRow", sets: "Sequence[SetRow]") -> str:
    assessed = one is sets[0] and len(sets) > 1
    return f"{one.model} (assessed)" if assessed else one.model


def _pair(one: "SetRow") -> tuple[Any, ...]:
    pair = one.paired
    if pair is None:
        return ("",) * _PAIR_COLUMNS
    difference = points(pair.difference, pair.interval)
    if isnan(pair.interval[0]):
        difference += ", too few classes for an interval"
    return len(pair.classes), share(pair.score), share(pair.assessed_score), difference
