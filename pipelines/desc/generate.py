"""Ask for the descriptors of a vocabulary: plan -> answers -> store.

In:  a ``DescribeConfig``, and a listener.
Out: what was done, as a JSON-able dict whose ``sentence`` says it in words.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import Field

from langseg.cache.errors import UpstreamError, UsageError
from langseg.descriptors.vocabulary.source import source_flags
from langseg.pipelines.desc.generate_job import DescribeJob, Listener, describe_job
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.shared.progress import Advance

if TYPE_CHECKING:
    from langseg.cache.store.store import Store
    from langseg.descriptors.generation.report import GenerateReport
    from langseg.descriptors.prompts.plan import Plan
    from langseg.descriptors.providers.base import Provider

_REMEDIES = {
    "truncated": "raise --max-completion-tokens",
    "refused": "ask another model with --model",
    "empty": "ask another model with --model",
    "invalid": "ask a model or server that keeps to a JSON schema",
}


class GenerateConfig(DescribeConfig):
    """What `generate` takes besides."""

    dry_run: bool = Field(False, description="Only say what would be asked, as `plan` does.")


class Advancing:
    """Tells a plain progress line how far a run of ``run_generate`` is."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance

    def on_event(self, kind: str, report: "GenerateReport") -> None:
        self._advance(report.planned - report.still_open, report.planned)

    def on_fault(self, reason: str) -> None:
        """A plain line has no place for it."""

    def on_wait(self, what: str) -> None:
        """Nor for this."""


def run_generate(config: DescribeConfig, progress: Listener) -> dict[str, Any]:
    """Ask for what the store does not hold.

    Raises: UpstreamError, when some requests failed for good in this run, or when no class of the
    plan has a phrase in the store after it (what was answered is committed all the same).
    """
    from langseg.cache.store.store import Store
    from langseg.descriptors.generation.run import generate

    job = describe_job(config)
    budget = job.budget()
    store: Store  # made once it is known that somebody can be asked
    provider = job.provider(progress, lambda: store)
    store = Store.open(config.store, create=True)
    _refuse_under_way(job, store)
    job.prepare()
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
        wait_s=math.inf if config.wait else 0.0,
        on_event=progress.on_event,
    )
    under_way = provider.under_way
    waiting = report.still_open - under_way  # for room at the server, where some are under way
    if waiting and (report.statuses.get("failed") or not under_way):
        raise UpstreamError(
            f"{job.vocabulary.name}: {waiting} of {report.planned} requests got no answer"
            f"{_such_as(store, report.run_id)}; the others are committed, run the same command "
            "again to ask only for these"
        )
    if not report.accepted and not under_way and not config.only_failed:
        _check_described(store, job, drawn)
    return {**asdict(report), "under_way": under_way, "sentence": _sentence(job, report, provider)}


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


def _such_as(store: "Store", run_id: str) -> str:
    """Why one of the requests of a run failed."""
    failed = {"run_id": [run_id], "status": ["failed"]}
    errors = store.table("responses", ("error",), where=failed)["error"].to_pylist()
    return f" (such as: {errors[0]})" if errors else ""


def _sentence(job: DescribeJob, report: "GenerateReport", provider: "Provider") -> str:
    dropped = sum(report.rejected.values())
    sentence = (
        f"{job.vocabulary.name}: {report.planned} requests, {report.cached} already answered, "
        f"{report.asked} answered by {job.model}; {report.accepted} phrases kept, "
        f"{dropped} dropped"
    )
    if report.collected:
        sentence += f"; {report.collected} answers collected that were with the server"
    unusable = {status: n for status, n in report.statuses.items() if status in _REMEDIES}
    if unusable:
        sentence += f"; {sum(unusable.values())} answers were unusable ({_listed(unusable)})"
    if report.recovered:
        sentence += f"; {report.recovered} answers recovered from a run that was cut off"
    if report.cost_usd and job.price:
        sentence += f"; ${report.cost_usd:.4f} spent"
    if provider.note:
        sentence += f"; {provider.note}"
    waiting = report.still_open - provider.under_way
    if provider.under_way:
        sentence += f"; {provider.under_way} requests are with the server"
        if waiting:
            sentence += f", {waiting} wait for room there"
        return (
            f"{sentence}: run the same command again to collect their answers, or with --wait to "
            "wait for them"
        )
    return f"{sentence}; next: langseg-desc encode{source_flags(job.config)}"


def _check_described(store: "Store", job: DescribeJob, plans: "list[Plan]") -> None:
    """Raises: UpstreamError, when every answer to the plans is unusable: nothing can follow."""
    from langseg.descriptors.generation.settled import every_form, read_settled

    settled = read_settled(store)
    if any(settled.is_accepted(r) for plan in plans for r in plan if r.class_name):
        return
    asked_for = (r for plan in plans for r in plan if r.class_name)
    keys = [form.request_key for r in asked_for for form in every_form(r)]
    mine = store.table("responses", ("status", "error"), where={"request_key": keys}).to_pylist()
    statuses = Counter(row["status"] for row in mine)
    if not statuses:  # it was never asked
        return
    worst = statuses.most_common(1)[0][0]
    reason = next(row["error"] for row in mine if row["status"] == worst)
    raise UpstreamError(
        f"{job.vocabulary.name}: no class has a phrase, as all {len(mine)} answers of "
        f"{job.model} are unusable ({_listed(statuses)}; such as: {reason}); "
        f"{_REMEDIES.get(worst, _REMEDIES['invalid'])}, then run generate again (with "
        "--only-failed to ask these very requests once more)"
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
