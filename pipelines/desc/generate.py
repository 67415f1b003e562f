"""Ask for the descriptors of a vocabulary: plan -> answers -> store.

In:  a ``DescribeConfig``, and a listener.
Out: a report of what was done.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from langseg.cache.errors import UpstreamError, UsageError
from langseg.descriptors.generation.report import GenerateReport
from langseg.descriptors.vocabulary.source import source_flags
from langseg.pipelines.desc.generate_job import DescribeJob, Listener, describe_job
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.few_names import few_names
from langseg.pipelines.shared.progress import Advance

if TYPE_CHECKING:
    from langseg.cache.store.store import Store
    from langseg.descriptors.prompts.plan import Plan
    from langseg.descriptors.providers.base import Provider

_REMEDIES = {  # by the status of an answer
    "truncated": "raise --max-completion-tokens",
    "refused": "ask another model with --model",
    "empty": "ask another model with --model",
    "invalid": "ask a model or server that keeps to a JSON schema",
    "failed": "mend what the server says",
}
_ASK_AGAIN = "--only-failed to ask for these alone once more"
_UNUSABLE = _REMEDIES.keys() - {"failed"}  # an answer came, and was paid for


class GenerateConfig(DescribeConfig):
    """What `generate` takes besides."""

    dry_run: bool = Field(False, description="Only say what would be asked, as `plan` does.")


@dataclass(frozen=True, kw_only=True)
class GenerateResult(GenerateReport):
    """What a run did; ``under_way`` requests are with the server."""

    under_way: int
    sentence: str


class Advancing:
    """Tells a plain progress line how far a run of ``run_generate`` is."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance

    def on_event(self, kind: str, report: GenerateReport) -> None:
        """Count what needs no asking any more."""
        self._advance(report.planned - report.still_open, report.planned)

    def on_fault(self, reason: str) -> None:
        """A plain line has no place for it."""

    def on_wait(self, what: str) -> None:
        """Nor for this."""


def run_generate(config: DescribeConfig, progress: Listener) -> GenerateResult:
    """Ask for what the store does not hold.

    Raises: UpstreamError, when something that was asked about has no usable answer and
    ``accept_missing`` is not set, and when no class of the plan has a phrase in the store (what
    was answered is committed all the same).
    """
    from langseg.cache.store.manifest import is_store
    from langseg.cache.store.store import Store
    from langseg.descriptors.generation.run import generate
    from langseg.descriptors.generation.vocabulary_classes import note_classes

    job = describe_job(config)
    budget = job.budget()
    store: Store  # made once it is known that somebody can be asked
    provider = job.provider(progress, lambda: store)
    is_new = job.bundled is None and not is_store(config.store)
    store = Store.open(config.store, create=True)
    if is_new:
        from langseg.pipelines.desc.plan import answered_nearby

        for path, answered in answered_nearby(config.store, job.whole_plan(None)).items():
            if answered:
                say(
                    f"note: the answers go to the new store {store.path.absolute()}; another is "
                    f"near, {path}, which answers {answered} of these requests: --store takes it"
                )
    _refuse_under_way(job, store)
    job.prepare()
    note_classes(store, job.vocabulary)
    drawn: list[Plan] = []

    def plans() -> "Iterator[Plan]":
        for plan in job.plans(store):
            drawn.append(plan)
            yield plan

    report = generate(
        plans(),
        provider,
        store,
        budget=budget,
        only_failed=config.only_failed,
        on_event=progress.on_event,
    )
    in_vain = _in_vain(store, job, drawn, report.missing) if report.missing else None
    sentence = _sentence(job, report, provider, in_vain)
    if report.missing and not config.accept_missing:
        raise UpstreamError(sentence)
    return GenerateResult(**vars(report), under_way=provider.under_way, sentence=sentence)


def _refuse_under_way(job: DescribeJob, store: "Store") -> None:
    """Raises: UsageError, where what would be asked lies with a batch that is not collected."""
    from langseg.cache.store.batch_ledger import keys_under_way

    if job.config.provider not in ("openai", "vllm"):
        return
    keys = keys_under_way(store.path)
    if not keys:  # so no plan is made for this
        return
    paid = sum(request.request_key in keys for request in job.whole_plan(store))
    if paid:
        raise UsageError(
            f"{job.vocabulary.name}: {paid} of these requests are with the Batch API and would "
            "be paid for twice; collect them first: give --provider openai-batch --wait"
        )


def _sentence(
    job: DescribeJob, report: GenerateReport, provider: "Provider", in_vain: "_InVain | None"
) -> str:
    dropped = sum(report.rejected.values())
    told_here = report.unusable and in_vain is None  # else it is told with their names
    before = f"{report.unusable} without a usable answer, " if told_here else ""
    answered = report.asked - report.statuses.get("failed", 0)
    names = f" ({report.subclasses} of them names of subclasses)" if report.subclasses else ""
    sentence = (
        f"{job.vocabulary.name}: {report.planned} requests, {report.cached} already answered, "
        f"{before}{answered} answered by {job.model}; {report.accepted} phrases kept"
        f"{names}, {dropped} dropped"
    )
    if report.collected:
        sentence += f"; {report.collected} answers collected that were with the server"
    unusable = {status: n for status, n in report.statuses.items() if status in _UNUSABLE}
    if unusable:
        sentence += f"; {sum(unusable.values())} answers were unusable ({_listed(unusable)})"
    if report.recovered:
        sentence += f"; {report.recovered} answers recovered from a run that was cut off"
    if report.cost_usd and job.price:
        sentence += f"; ${report.cost_usd:.4f} spent"
    if provider.note:
        sentence += f"; {provider.note}"
    if provider.under_way:
        sentence += f"; {provider.under_way} requests are with the server"
        if waiting := report.still_open - provider.under_way - report.statuses.get("failed", 0):
            sentence += f", {waiting} wait for room there"
        sentence += (
            ": run the same command again to collect their answers, or with --wait to wait for them"
        )
    if in_vain is not None:
        names = few_names(report.missing)
        sentence += f"; {len(report.missing)} without a usable answer: {names} ({in_vain})"
        if not job.config.accept_missing:
            return (
                f"{sentence}; {in_vain.remedy}, give {_ASK_AGAIN}, or --accept-missing to go on "
                "without them"
            )
    if provider.under_way:
        return sentence
    return f"{sentence}; next: langseg-desc encode{source_flags(job.config)}"


@dataclass(frozen=True)
class _InVain:
    """What came back to requests that have no usable answer."""

    statuses: Counter[str]
    reason: str  # of one of those that there are most of
    remedy: str

    def __str__(self) -> str:
        return f"{_listed(self.statuses)}; such as: {self.reason}"


def _in_vain(
    store: "Store", job: DescribeJob, plans: "Sequence[Plan]", missing: Sequence[str]
) -> _InVain:
    """Raises: UpstreamError, when no class has a usable answer: nothing can follow."""
    from langseg.descriptors.generation.settled import every_form, read_settled

    settled = read_settled(store)
    in_vain = [r for plan in plans for r in plan if not settled.is_accepted(r)]
    keys = [form.request_key for planned in in_vain for form in every_form(planned)]
    rows = store.table("responses", ("status", "error"), where={"request_key": keys}).to_pylist()
    statuses = Counter(row["status"] for row in rows)
    worst = statuses.most_common(1)[0][0] if rows else "failed"
    reason = next((row["error"] for row in rows if row["status"] == worst), "no answer came")
    remedy = _REMEDIES[worst]
    found = _InVain(statuses, reason.removesuffix(f"; {remedy}"), remedy)
    if not any(settled.is_accepted(r) for plan in plans for r in plan if r.class_name):
        raise UpstreamError(
            f"{job.vocabulary.name}: {len(missing)} without a usable answer: {few_names(missing)} "
            f"({found}), so no class has a phrase by {job.model}; {found.remedy}, or give "
            f"{_ASK_AGAIN}"
        )
    return found


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
