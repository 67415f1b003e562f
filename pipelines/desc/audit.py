"""Answer what a store is asked about its descriptors, in numbers, tables or as a page.

In:  which store, perhaps which vocabulary, and which question.
Out: the canned audits' answers and, of a vocabulary, the quality of its sets, as JSON-able
     values; a page.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.source import EncodedSource
from langseg.pipelines.desc.open_sets import open_sets
from langseg.pipelines.desc.standing_questions import answer_questions, check_question
from langseg.pipelines.shared.advice import advised

if TYPE_CHECKING:
    from langseg.descriptors.quality.assess import Assessor, SetQuality

SHORT = ("coverage", "counts", "rejections", "provenance")  # what ``audit`` prints unasked


def run_audit(
    source: EncodedSource, question: str = "", html: Path | None = None, *, short: bool = False
) -> dict[str, Any]:
    """Answer the canned audits (one, or the ``short`` set), and assess a vocabulary if one is
    named.

    ``html`` is where the page of a vocabulary goes; ade20k's, if none is named.
    Raises: UsageError, for a question that there is not; InputError, when the vocabulary or the
    model that is named, or the vocabulary of the page, has no answer yet, naming those that have.
    """
    from langseg.cache.files import write_atomic
    from langseg.cache.store.store import Store

    if question:
        check_question(question)
    if html is None and not (source.dataset or source.classes or source.model):
        report = answer_questions(Store.open(source.store))
    else:
        assessor = _assessor(source)
        chosen = assessor.chosen
        report = answer_questions(chosen.store, chosen.vocabulary, chosen.selection.keys)
        if html is not None or not question:
            from langseg.pipelines.desc.quality_report import quality_report

            quality = assessor.named()
            report["quality"] = quality_report(quality, assessor)
            report["sentence"] += f"; {report['quality']['sentence']}"
        if html is not None:
            write_atomic(html, audit_page(quality, report["quality"], report["answers"]).encode())
    if question:
        report["answers"] = [one for one in report["answers"] if one["name"] == question]
    elif short:
        report["answers"] = [one for one in report["answers"] if one["name"] in SHORT]
    return report


def audit_page(
    quality: "SetQuality", report: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]
) -> str:
    """``render_audit`` with what the page shows of a set and no report holds."""
    from langseg.pipelines.pages.audit import render_audit

    return render_audit(
        report,
        answers,
        likeness=quality.likeness,
        snapshot=quality.chosen.store.manifest.name,
        vocabulary_hash=quality.chosen.vocabulary.hash,
    )


def _assessor(source: EncodedSource) -> "Assessor":
    from langseg.descriptors.quality.assess import Assessor

    try:
        return Assessor(source, open_sets(source), advised)
    except InputError as exc:
        if source.dataset is not None or source.classes is not None:
            raise
        raise InputError(
            f"{advised(exc)}, or say which vocabulary is meant: {_flags_of_answered(source)}"
        ) from exc


def _flags_of_answered(source: EncodedSource) -> str:
    """What to give for the vocabularies that a store has answers for."""
    from langseg.descriptors.vocabulary.load import shipped_vocabularies

    flags = []
    for name in shipped_vocabularies():
        try:
            open_sets(source.model_copy(update={"dataset": name})).of("")
        except InputError:
            continue
        flags.append(f"--dataset {name}")
    return " or ".join([*flags, "--classes FILE (the class list that was asked about)"])
