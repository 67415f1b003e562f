"""Say what would be asked, and what it would cost.

In:  the configuration that `generate` takes.
Out: a JSON-able dict, and the rows in which a person reads it; nothing is asked or written.
"""

from dataclasses import asdict
from typing import Any

from langseg.pipelines.desc.generate_job import describe_job, store_if_any
from langseg.pipelines.desc.generate_settings import DescribeConfig

UNKNOWN = "unknown"


def run_plan(config: DescribeConfig) -> dict[str, Any]:
    """What `generate` would ask; the store need not exist, and a key is not needed.

    ``scenes_to_ask`` counts the scenes whose plausible classes are not known yet: what would be
    asked about those classes is in no number.
    """
    from langseg.cache.store.batch_ledger import keys_under_way
    from langseg.descriptors.generation.estimate import estimate
    from langseg.descriptors.generation.settled import Settled, read_settled

    job = describe_job(config)
    store = store_if_any(config)
    settled = Settled() if store is None else read_settled(store)
    if config.only_failed:
        settled.forgive()
    under_way = set() if store is None else keys_under_way(store.path)
    for key in under_way:  # paid for, so nothing would be asked
        settled.note(key, "ok")
    guess = estimate(
        job.whole_plan(store),
        settled,
        price=job.price,
        asks_llm=job.bundled is None,
        local=config.provider == "vllm",
        only_failed=config.only_failed,
        tokens_per_second=config.tokens_per_second,
    )
    return {
        "vocabulary": job.vocabulary.name,
        "provider": config.provider,
        "model": job.model,
        **asdict(guess),
        "price_per_million": None if job.price is None else asdict(job.price),
        "price_source": job.price_source,
        "under_way": len(under_way),
        "scenes_to_ask": len(job.unknown_scenes(store)),
    }


def plan_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """A plan as a person reads it."""
    rows = [(name, str(report[name])) for name in ("vocabulary", "provider", "model", "requests")]
    rows += [
        ("already answered", f"{report['cached']} ({report['cached_share']:.0%})"),
        ("to ask", str(report["to_ask"])),
        ("prompt tokens", _span(report["prompt_tokens"], ",.0f")),
        ("completion tokens", _span(report["completion_tokens"], ",.0f")),
        ("US dollars", _span(report["cost_usd"], ",.4f")),
    ]
    if report["under_way"]:
        rows.append(("with the Batch API", f"{report['under_way']}, counted as answered"))
    if report["price_source"]:
        rows.append(("price from", report["price_source"]))
    if report["gpu_hours"] is not None:
        rows.append(("GPU-hours", _span(report["gpu_hours"], ",.2f")))
    if report["scenes_to_ask"]:
        missing = f"of {report['scenes_to_ask']} scenes not known yet: what they add is not counted"
        rows.append(("plausible classes", missing))
    return rows


def _span(span: dict[str, float] | None, form: str) -> str:
    if span is None:
        return UNKNOWN
    if span["least"] == span["most"]:
        return format(span["most"], form)
    least, likely, most = (format(span[name], form) for name in ("least", "likely", "most"))
    return f"{least} to {most}, likely {likely}"
