"""Say what an import brought in, what of it was dropped, and what of the file found no place.

In:  a file's phrases, the verdicts on them, the store before and after.
Out: a JSON-able dict whose ``sentence`` says it in words; or InputError, when nothing is left.
"""

import json
from collections.abc import Mapping
from typing import Any

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
        f"{_n(len(verdicts), 'phrase')} of which none does{_listed(counts)}; reword them{way}; "
        "nothing was stored"
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


def import_report(
    config: Source,
    foreign: ForeignSet,
    vocabulary: Vocabulary,
    provider: ImportProvider,
    done: GenerateReport,
    *,
    newest: bool,
    replaced: str,
) -> dict[str, Any]:
    """Everything there is to tell.

    Args:
        newest: whether a bank would take this set, not one imported later under its name.
        replaced: the file whose place this set takes with this import; "" for none.
    """
    match, verdicts = provider.match, provider.verdicts
    accepted = [one for one in verdicts if not one.rejected]
    described = dict.fromkeys(one.class_name for one in verdicts)
    bare = [name for name in described if name not in {one.class_name for one in accepted}]
    report: dict[str, Any] = {
        "file": foreign.file,
        "form": foreign.form,
        "file_sha256": foreign.sha256,
        "vocabulary": vocabulary.name,
        "model": provider.model,
        "classes": len(described),
        "phrases": len(verdicts),
        "accepted": len(accepted),
        "rejected": reason_counts(verdicts),
        "flagged": reason_counts(accepted, flags=True),
        "all_dropped": bare,
        "renamed": dict(match.renamed),
        "unknown": dict(match.unknown),
        "unknown_pairs": dict(match.unknown_pairs),
        "empty": list(match.empty),
        "missing": list(match.missing),
        "guesses": {label: list(names) for label, names in match.guesses.items()},
        "disagreeing": dict(match.disagreeing),
        "bad_rows": list(foreign.bad),
        "ignored": list(foreign.ignored),
        "planned": done.planned,
        "cached": done.cached,
        "asked": done.asked,
        "newest": newest,
        "replaced": replaced,
        "manifest": done.manifest,
    }
    sentence = _sentence(report, len(vocabulary.classes))
    named = config.model_copy(update={"model": provider.model})
    then = f"next: langseg-desc encode{source_flags(named)}"
    return {**report, "sentence": f"{sentence}; {then}"}


def _sentence(report: Mapping[str, Any], n_classes: int) -> str:
    """What came in, what of it was dropped, and everything of the file that found no place."""
    dropped = report["phrases"] - report["accepted"]
    parts = [
        f"{report['file']} ({report['form']}): {_n(report['phrases'], 'phrase')} about "
        f"{report['classes']} of the {_n(n_classes, 'class')} of {report['vocabulary']}, "
        f"{report['accepted']} kept, {dropped} dropped{_listed(report['rejected'])}"
    ]
    if report["flagged"]:
        flagged = sum(report["flagged"].values())
        parts.append(f"{flagged} of those kept are against the checks{_listed(report['flagged'])}")
    if bad := report["bad_rows"]:
        parts.append(f"{_n(len(bad), 'row')} left out as unreadable ({some(bad)})")
    if renamed := report["renamed"]:
        taken = some(f"{label} for {name}" for label, name in renamed.items())
        parts.append(f"{_n(len(renamed), 'name')} taken for a class called otherwise ({taken})")
    for key, noun, what in (
        ("all_dropped", "class", "left without a phrase"),
        ("empty", "class", "listed in the file without a phrase"),
        ("missing", "class", "not in the file"),
        ("unknown", "name", "of the file that fit no class"),
        ("unknown_pairs", "pair", "of class and scene that the vocabulary lacks"),
        ("disagreeing", "class_id", "of another class than the class_name, which was taken"),
        ("ignored", "column", "not read"),
    ):
        if listed := report[key]:
            count = f", {_n(sum(listed.values()), 'phrase')}" if isinstance(listed, dict) else ""
            parts.append(f"{_n(len(listed), noun)} {what}{count} ({some(listed)})")
    if report["guesses"]:
        parts.append(
            f"did you mean {told_guesses(report['guesses'])}? Rename in the file what you did"
        )
    if report["replaced"]:
        parts.append(
            f"this replaces what {report['replaced']} said under the name {report['model']}"
        )
    if not report["asked"]:
        parts.append("the store had all of it")
    if not report["newest"]:
        parts.append(
            f"a later import named {report['model']} stands before it: give this one another "
            "name with --model"
        )
    if dropped * 2 > report["phrases"] and _can_be_kept(report["rejected"], report["model"]):
        parts.append("--as-published keeps what was dropped, as a set of its own")
    parts.append("no LLM was called")
    return "; ".join(parts)


def _can_be_kept(rejected: Mapping[str, int], model: str) -> bool:
    """Whether ``--as-published`` would keep something that was dropped."""
    return not model.endswith(AS_PUBLISHED) and not rejected.keys() <= {"hostile", "duplicate"}


def _n(count: int, noun: str) -> str:
    many = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count} {noun if count == 1 else many}"


def _listed(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{reason} {n}' for reason, n in counts.items())})" if counts else ""
