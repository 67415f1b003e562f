"""Say what would be asked, what it would cost, and what makes two requests two.

In:  the configuration that `generate` takes.
Out: JSON-able dicts, and the rows in which a person reads them; nothing is asked or written.
"""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from langseg.cache.errors import InputError
from langseg.pipelines.desc.asked import settle_asked
from langseg.pipelines.shared.settings import DescribeConfig, ExplainConfig

if TYPE_CHECKING:
    from langseg.cache.records import Request
    from langseg.cache.store.store import Store

UNKNOWN = "unknown"


def run_plan(config: DescribeConfig) -> dict[str, Any]:
    """What `generate` would ask; the store need not exist, and a key is not needed.

    ``scenes_to_ask`` counts the scenes whose plausible classes are not known yet: what would be
    asked about those classes is in no number.
    """
    from langseg.cache.store.batch_ledger import keys_under_way
    from langseg.descriptors.generation.estimate import estimate
    from langseg.descriptors.generation.settled import Settled, read_settled

    asked = settle_asked(config)
    store = _store(config)
    settled = Settled() if store is None else read_settled(store)
    if config.only_failed:
        settled.forgive()
    under_way = set() if store is None else keys_under_way(store.path)
    for key in under_way:  # paid for, so nothing would be asked
        settled.note(key, "ok")
    guess = estimate(
        asked.whole_plan(store),
        settled,
        price=asked.price,
        asks_llm=asked.bundled is None,
        local=config.provider == "vllm",
        only_failed=config.only_failed,
        tokens_per_second=config.tokens_per_second,
    )
    return {
        "vocabulary": asked.vocabulary.name,
        "provider": config.provider,
        "model": asked.model,
        **asdict(guess),
        "price_per_million": None if asked.price is None else asdict(asked.price),
        "price_source": asked.price_source,
        "under_way": len(under_way),
        "scenes_to_ask": len(asked.unknown_scenes(store)),
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
        told = f"of {report['scenes_to_ask']} scenes not known yet: what they add is not counted"
        rows.append(("plausible classes", told))
    return rows


def run_explain(config: ExplainConfig) -> dict[str, Any]:
    """What is in a stored request's key; or in that of a planned one, and what stored one is near.

    Raises: InputError, for what is neither the beginning of one key nor a class.
    """
    from langseg.descriptors.generation import key_diff as explain

    asked = settle_asked(config)
    names = {entry.name.casefold(): entry.name for entry in asked.vocabulary.classes}
    store = _store(config)
    name = names.get(config.what.casefold())
    if name is None:
        if store is None:
            raise InputError(
                f"{config.what!r}: wanted a class of {asked.vocabulary.name}, or the beginning of "
                f"a key in a store, got neither, as {config.store} holds no store"
            )
        return explain.explain(explain.find_request(store, config.what))
    about = [request for request in asked.whole_plan(store) if request.class_name == name]
    planned = [request for request in about if request.scene == config.scene]
    if not planned:
        scenes = dict.fromkeys(request.scene for request in about)
        raise InputError(
            f"class {name!r}: wanted a request in scene {config.scene!r}, the plan has none; its "
            f"scenes are {', '.join(scenes)}"
        )
    request = planned[0]
    near = None if store is None else explain.nearest(store, request)
    return {
        **explain.explain(request),
        "others": [
            f"{other.request_key} ({other.prompt_id}, sample {other.sample_index})"
            for other in planned[1:]
        ],
        "stored": store is not None and _is_stored(store, request),
        "nearest_stored": None if near is None else near.request_key,
        "differences": [] if near is None else explain.differences(request, near),
    }


def explain_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """A key as a person reads it."""
    parts = report["in_key"]
    rows = [
        ("request_key", report["request_key"]),
        ("key version", str(parts["key_version"])),
        ("model", parts["model"]),
    ]
    rows += [
        (f"message: {text['part']}", f"{text['chars']} characters, sha256 {text['sha256'][:12]}")
        for text in parts["messages"]
    ]
    rows += [
        (f"data: {d['part']}", json.dumps(d["value"], ensure_ascii=False)) for d in parts["data"]
    ]
    rows += [(f"parameter: {name}", repr(value)) for name, value in parts["params"].items()]
    counts = ", ".join(f"{name} {count}" for name, count in parts["schema"]["counts"].items())
    rows.append(("schema", f"sha256 {parts['schema']['sha256'][:12]}; {counts}"))
    rows.append(("sample index", str(parts["sample_index"])))
    rows.append(("not in the key", "; ".join(report["not_in_key"])))
    if "stored" in report:
        rows += [("asked beside it", other) for other in report["others"]]
        rows.append(("in the store", "yes" if report["stored"] else "no"))
        rows.append(("nearest stored request", report["nearest_stored"] or "none"))
        rows += [("differs in", line) for line in report["differences"]]
    return rows


def _store(config: DescribeConfig) -> "Store | None":
    from langseg.cache.store.store import Store

    try:
        return Store.open(config.store)
    except InputError:  # no store yet: nothing is settled
        return None


def _is_stored(store: "Store", request: "Request") -> bool:
    own = {"request_key": [request.request_key]}
    return store.table("requests", ("request_key",), where=own).num_rows > 0


def _span(span: dict[str, float] | None, form: str) -> str:
    if span is None:
        return UNKNOWN
    if span["least"] == span["most"]:
        return format(span["most"], form)
    least, likely, most = (format(span[name], form) for name in ("least", "likely", "most"))
    return f"{least} to {most}, likely {likely}"
