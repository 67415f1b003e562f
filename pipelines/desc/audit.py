"""Answer what a store is asked about its descriptors, in numbers, tables or as a page.

In:  which store, perhaps which vocabulary, and which question.
Out: a report: the canned audits' answers and, of a vocabulary, the quality of its sets; a page.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.source import EncodedSource
from langseg.pipelines.desc.open_sets import open_sets
from langseg.pipelines.desc.standing_questions import answer_questions, check_question
from langseg.pipelines.shared.advice import advised
from langseg.pipelines.shared.audit_report import AuditReport, QualityReport, StandingAnswer
from langseg.pipelines.shared.picture_report import PictureReport

if TYPE_CHECKING:
    from langseg.descriptors.quality.assess import Assessor, SetQuality


SHORT = ("coverage", "counts", "rejections", "provenance")  # what ``audit`` prints unasked


class AuditConfig(EncodedSource):
    """What `audit` takes."""

    dataset: str | None = Field(
        None,
        description="Assess a vocabulary that ships: ade20k, ade20k-full, camvid, "
        "cityscapes, coco-panoptic, coco-stuff, msrc, pascal-context, pascal-context-459, "
        "pascal-voc, pascal-voc-21.",
    )
    question: str = Field("", description="Answer only this one; --list names them.")
    list: bool = Field(False, description="List the questions.")
    html: Path | None = Field(
        None, description="Write the whole audit of one vocabulary as a page.  [default: ade20k's]"
    )
    rows: int = Field(8, ge=1, description="Rows shown of each answer.")
    images: Path | None = Field(
        None, description="Also judge the phrases by pictures of --classes: a folder or a zip file."
    )
    labels: Path | None = Field(None, description="Their labels, as `langseg-seg train` has them.")
    data: Path | None = Field(
        None,
        description="Judge them by the training pictures of --dataset instead, in this folder.",
    )
    train_config: str | None = Field(
        None,
        description="Whose backbone and size look at the pictures: settings of `langseg-seg train`,"
        " a file or a name.  [default: --dataset's; msrc for --images]",
    )
    phrases: Path | None = Field(
        None,
        description="Write a row for each phrase that was judged by pictures to a Parquet file, "
        "for `bank --drop-misleading`.",
    )

    @model_validator(mode="after")
    def _pictures(self) -> Self:
        if (self.images is None) != (self.labels is None):
            raise ValueError("images: wanted both --images DIR and --labels DIR, got one")
        if self.images is not None and self.classes is None:
            raise ValueError("images: wanted --classes FILE, which says what their labels mean")
        if self.images is not None and self.data is not None:
            raise ValueError("images: wanted --images or --data, got both")
        for name in ("phrases", "train_config"):
            if getattr(self, name) is not None and not self.by_pictures:
                flag = name.replace("_", "-")
                raise ValueError(f"{flag}: wanted pictures to judge by; give --images or --data")
        return self

    @property
    def by_pictures(self) -> bool:
        """Whether labelled pictures are given."""
        return self.images is not None or self.data is not None


def run_audit(
    source: EncodedSource, question: str = "", html: Path | None = None, *, short: bool = False,
    demo_page: str = "", by_pictures: PictureReport | None = None,
) -> AuditReport:  # fmt: skip
    """Answer the canned audits (one, or the ``short`` set), and assess a vocabulary if one is
    named.

    ``html`` is where the page of a vocabulary goes; ade20k's, if none is named. ``demo_page`` is
    the page of a demo beside it, which it then links to, ``by_pictures`` what pictures say.
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
        report = answer_questions(chosen.store, chosen)
        if html is not None or not question:
            from langseg.pipelines.desc.quality_report import quality_report

            quality = assessor.named()
            found = quality_report(quality, assessor)
            sentence = f"{report.sentence}; {found.sentence}"
            report = replace(report, quality=found, sentence=sentence)
            if html is not None:
                page = audit_page(quality, found, report.answers, demo_page, by_pictures)
                write_atomic(html, page.encode())
    report = replace(report, by_pictures=by_pictures)
    if question or short:
        wanted = (question,) if question else SHORT
        return replace(report, answers=[one for one in report.answers if one.name in wanted])
    return report


def audit_page(
    quality: "SetQuality", report: QualityReport, answers: Sequence[StandingAnswer],
    demo_page: str = "", by_pictures: PictureReport | None = None,
) -> str:  # fmt: skip
    """``render_audit`` with what the page shows of a set and no report holds."""
    from langseg.pipelines.pages.audit import render_audit

    return render_audit(
        report,
        answers,
        likeness=quality.likeness,
        snapshot=quality.chosen.store.manifest.name,
        vocabulary_hash=quality.chosen.vocabulary.hash,
        demo_page=demo_page,
        by_pictures=by_pictures,
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
