"""Say what an import brought in, what of it was dropped, and what of the file found no place.

In:  a file's phrases, the verdicts on them, the store before and after.
Out: a report; or InputError, when nothing is left.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langseg.cache.counted import counted
from langseg.cache.errors import InputError
from langseg.cache.store.store import Store
from langseg.descriptors.exchange.imported_file import ForeignSet
from langseg.descriptors.exchange.match import some, told_guesses
from langseg.descriptors.generation.report import GenerateReport
from langseg.descriptors.providers.imported import AS_PUBLISHED, ImportProvider, reason_counts
from langseg.descriptors.vocabulary.source import Source, source_flags
from langseg.descriptors.vocabulary.vocabulary import Vocabulary


def check_kept(foreign: ForeignSet, provider: ImportProvider) -> None:
    """Raises: InputError, when no phrase of the file is kept."""
    verdicts = provider.verdicts
    if any(not one.rejected for one in verdicts):
        return
    counts = reason_counts(verdicts)
    way = ", or keep them with --as-published" if _can_be_kept(counts, provider.model) else ""
    raise InputError(
        f"{foreign.file}: wanted phrases that pass the checks, got "
        f"{counted(len(verdicts), 'phrase')} of which none does{_listed(counts)}; reword "
        f"them{way}; nothing was stored"
    )


def earlier_file(store: Store, provider: ImportProvider) -> str:
    """The file that was the last to be imported under this name for these very classes, if it
    had other content; else ``""``."""
    own = store.table(
        "requests", ("request_key", "params_json"), where={"model": [provider.model]}
    ).to_pylist()
    earlier = {
        row["request_key"]
        for row in own
        if _is_earlier(json.loads(row["params_json"]), provider.params)
    }
    answers = store.table(
        "responses", ("created_at", "served_model"), where={"request_key": earlier}
    ).to_pylist()
    if not answers:
        return ""
    last = max(answers, key=lambda row: row["created_at"])["served_model"]
    return str(last).removeprefix("file ").partition(": imported")[0]


def _is_earlier(params: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    if params.get("classes_sha256") != now["classes_sha256"]:
        return False
    return bool(params.get("file_sha256") != now["file_sha256"])


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import brought in.

    ``phrases`` are counted without the names of ``subclasses``, which `generate` counts with its
    own. ``rejected`` and ``flagged`` (those kept against the checks) count each reason; classes
    left without a phrase: ``all_dropped``, ``empty`` in the file, ``missing`` from it; labels of
    the file: ``renamed`` maps to a class, ``unknown``, ``unknown_pairs`` and ``disagreeing`` count
    phrases, ``guesses`` are near names; ``mended`` counts what was taken off phrases.
    ``newest``: whether a bank would take this set, not one imported later under its name;
    ``replaced``: the file whose place it takes, "" for none.
    """

    file: str
    form: str
    file_sha256: str
    vocabulary: str
    model: str
    classes: int
    phrases: int
    subclasses: int
    accepted: int
    rejected: Mapping[str, int]
    flagged: Mapping[str, int]
    all_dropped: Sequence[str]
    renamed: Mapping[str, str]
    unknown: Mapping[str, int]
    unknown_pairs: Mapping[str, int]
    empty: Sequence[str]
    missing: Sequence[str]
    guesses: Mapping[str, Sequence[str]]
    disagreeing: Mapping[str, int]
    bad_rows: Sequence[str]
    ignored: Sequence[str]
    mended: Mapping[str, int]
    planned: int
    cached: int
    asked: int
    newest: bool
    replaced: str
    manifest: str
    sentence: str


def import_report(
    config: Source,
    foreign: ForeignSet,
    vocabulary: Vocabulary,
    provider: ImportProvider,
    done: GenerateReport,
    *,
    newest: bool,
    replaced: str,
) -> ImportReport:
    """Everything there is to tell; ``newest`` and ``replaced`` as in the report."""
    match, verdicts = provider.match, provider.verdicts
    accepted = [one for one in verdicts if not one.rejected]
    described = dict.fromkeys(one.class_name for one in verdicts)
    kept = {one.class_name for one in accepted}
    report = ImportReport(
        file=foreign.file,
        form=foreign.form,
        file_sha256=foreign.sha256,
        vocabulary=vocabulary.name,
        model=provider.model,
        classes=len(described),
        phrases=len(verdicts),
        subclasses=provider.subclasses,
        accepted=len(accepted),
        rejected=reason_counts(verdicts),
        flagged=reason_counts(accepted, flags=True),
        all_dropped=[name for name in described if name not in kept],
        renamed=match.renamed,
        unknown=match.unknown,
        unknown_pairs=match.unknown_pairs,
        empty=match.empty,
        missing=match.missing,
        guesses=match.guesses,
        disagreeing=match.disagreeing,
        bad_rows=foreign.bad,
        ignored=foreign.ignored,
        mended=foreign.mended,
        planned=done.planned,
        cached=done.cached,
        asked=done.asked,
        newest=newest,
        replaced=replaced,
        manifest=done.manifest,
        sentence="",
    )
    named = config.model_copy(update={"model": provider.model})
    then = f"next: langseg-desc encode{source_flags(named)}"
    return replace(report, sentence=f"{_sentence(report, len(vocabulary.classes))}; {then}")


def _sentence(report: ImportReport, n_classes: int) -> str:
    """What came in, what of it was dropped, and everything of the file that found no place."""
    dropped = report.phrases - report.accepted
    names = f" and {counted(report.subclasses, 'name')} of subclasses" * bool(report.subclasses)
    parts = [
        f"{report.file} ({report.form}): {counted(report.phrases, 'phrase')}{names} about "
        f"{report.classes} of the {counted(n_classes, 'class')} of {report.vocabulary}, "
        f"{counted(report.accepted, 'phrase')} kept, {dropped} dropped{_listed(report.rejected)}"
    ]
    if report.flagged:
        flagged = sum(report.flagged.values())
        parts.append(f"{flagged} of those kept are against the checks{_listed(report.flagged)}")
    if bad := report.bad_rows:
        parts.append(f"{counted(len(bad), 'row')} left out as unreadable ({some(bad)})")
    if report.mended:
        taken_off = sum(report.mended.values())
        parts.append(f"{counted(taken_off, 'slip')} of writing mended{_listed(report.mended)}")
    if renamed := report.renamed:
        taken = some(f"{label} for {name}" for label, name in renamed.items())
        parts.append(
            f"{counted(len(renamed), 'name')} taken for a class called otherwise ({taken})"
        )
    for listed, noun, what in (
        (report.all_dropped, "class", "left without a phrase"),
        (report.empty, "class", "listed in the file without a phrase"),
        (report.missing, "class", "not in the file"),
        (report.unknown, "name", "of the file that fit no class"),
        (report.unknown_pairs, "pair", "of class and scene that the vocabulary lacks"),
        (report.disagreeing, "class_id", "of another class than the class_name, which was taken"),
        (report.ignored, "column", "not read"),
    ):
        if listed:
            count = ""
            if isinstance(listed, Mapping):
                count = f", {counted(sum(listed.values()), 'phrase')}"
            parts.append(f"{counted(len(listed), noun)} {what}{count} ({some(listed)})")
    if report.guesses:
        parts.append(
            f"did you mean {told_guesses(report.guesses)}? Rename in the file what you did"
        )
    if report.replaced:
        parts.append(f"this replaces what {report.replaced} said under the name {report.model}")
    if not report.asked:
        parts.append("the store had all of it")
    if not report.newest:
        parts.append(
            f"a later import named {report.model} stands before it: give this one another "
            "name with --model"
        )
    if dropped * 2 > report.phrases and _can_be_kept(report.rejected, report.model):
        parts.append("--as-published keeps what was dropped, as a set of its own")
    parts.append("no LLM was called")
    return "; ".join(parts)


def _can_be_kept(rejected: Mapping[str, int], model: str) -> bool:
    """Whether ``--as-published`` would keep something that was dropped."""
    return not model.endswith(AS_PUBLISHED) and not rejected.keys() <= {"hostile", "duplicate"}


def _listed(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{reason} {n}' for reason, n in counts.items())})" if counts else ""
