"""Say what would be asked, and what it would cost.

In:  the configuration that `generate` takes.
Out: a report, and the rows in which a person reads it; nothing is asked or written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from langseg.cache.errors import LangSegError
from langseg.descriptors.generation.estimate import PlanEstimate, Range, estimate
from langseg.pipelines.desc.generate_job import describe_job, store_if_any
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.shared.few_names import few_names
from langseg.pipelines.shared.near_stores import near_stores

if TYPE_CHECKING:
    from langseg.descriptors.prompts.plan import Plan
    from langseg.descriptors.providers.budget import Price

UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class PlanReport(PlanEstimate):
    """What `generate` would ask.

    ``store`` is where it would look for answers and put them; ``near_stores`` are others nearby,
    each with how many of the requests it has a usable answer to. ``missing`` names what those
    requests are about that have no usable answer and that `generate` would not ask again.
    ``under_way`` requests are with the Batch API and counted as answered. ``scenes_to_ask`` are the
    scenes whose plausible classes are not known yet: what would be asked about those classes is in
    no number.
    """

    store: Path
    near_stores: Mapping[str, int]
    vocabulary: str
    provider: str
    model: str
    price_per_million: "Price | None"
    price_source: str
    missing: tuple[str, ...]
    under_way: int
    scenes_to_ask: int


def run_plan(config: DescribeConfig) -> PlanReport:
    """What `generate` would ask; the store need not exist, and a key is not needed."""
    from langseg.cache.store.batch_ledger import keys_under_way
    from langseg.descriptors.generation.missing import missing
    from langseg.descriptors.generation.settled import Settled, read_settled

    job = describe_job(config)
    store = store_if_any(config)
    settled = Settled() if store is None else read_settled(store)
    if config.only_failed:
        settled.forgive()
    under_way = set() if store is None else keys_under_way(store.path)
    for key in under_way:  # paid for, so nothing would be asked
        settled.note(key, "ok")
    whole = job.whole_plan(store)
    guess = estimate(
        whole,
        settled,
        price=job.price,
        asks_llm=job.bundled is None,
        local=config.provider == "vllm",
        only_failed=config.only_failed,
        tokens_per_second=config.tokens_per_second,
    )
    return PlanReport(
        store=config.store.absolute(),
        near_stores=answered_nearby(config.store, whole),
        vocabulary=job.vocabulary.name,
        provider=config.provider,
        model=job.model,
        **vars(guess),
        price_per_million=job.price,
        price_source=job.price_source,
        missing=tuple(str(subject) for subject, _ in missing(whole, settled, lambda r: True)),
        under_way=len(under_way),
        scenes_to_ask=len(job.unknown_scenes(store)),
    )


def answered_nearby(store: Path, plan: "Plan") -> dict[str, int]:
    """The other stores nearby, and how many requests of a plan each has a usable answer to."""
    from langseg.cache.store.store import Store
    from langseg.descriptors.generation.settled import read_settled

    found = {}
    for path in near_stores(store):
        try:
            settled = read_settled(Store.open(path))
        except LangSegError:  # it is not what was asked for
            continue
        found[str(path)] = sum(settled.is_accepted(planned) for planned in plan)
    return found


def plan_rows(report: PlanReport) -> list[tuple[str, str]]:
    """A plan as a person reads it."""
    rows = [
        ("store", f"{report.store}{'' if report.store.is_dir() else ' (not there yet)'}"),
        *(
            ("another store is near", f"{path}, which answers {answered} of these requests")
            for path, answered in report.near_stores.items()
        ),
        ("vocabulary", report.vocabulary),
        ("provider", report.provider),
        ("model", report.model),
        ("requests", str(report.requests)),
        ("already answered", f"{report.cached} ({report.cached_share:.0%})"),
        *([("answered without a usable phrase", _in_vain(report))] if report.unusable else []),
        ("to ask", str(report.to_ask)),
        ("prompt tokens", _span(report.prompt_tokens, ",.0f")),
        ("completion tokens", _span(report.completion_tokens, ",.0f")),
        ("US dollars", _span(report.cost_usd, ",.4f")),
    ]
    if report.under_way:
        rows.append(("with the Batch API", f"{report.under_way}, counted as answered"))
    if report.price_source:
        rows.append(("price from", report.price_source))
    if report.gpu_hours is not None:
        rows.append(("GPU-hours", _span(report.gpu_hours, ",.2f")))
    if report.scenes_to_ask:
        missing = f"of {report.scenes_to_ask} scenes not known yet: what they add is not counted"
        rows.append(("plausible classes", missing))
    return rows


def _in_vain(report: PlanReport) -> str:
    names = f": {few_names(report.missing)}" if report.missing else ""
    return f"{report.unusable}{names}; --only-failed asks again"


def _span(span: Range | None, form: str) -> str:
    if span is None:
        return UNKNOWN
    if span.least == span.most:
        return format(span.most, form)
    least, likely, most = (format(end, form) for end in (span.least, span.likely, span.most))
    return f"{least} to {most}, likely {likely}"
