"""Say what is in a request's key, and what makes two requests two.

In:  the beginning of a stored request's key, or a class and the configuration of `generate`.
Out: a report, and the rows in which a person reads it; nothing is asked or written.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pydantic import Field

from langseg.cache.errors import InputError
from langseg.pipelines.desc.generate_job import describe_job, store_if_any
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.shared.settings import ARGUMENT

if TYPE_CHECKING:
    from langseg.cache.records import Request
    from langseg.cache.store.store import Store
    from langseg.descriptors.generation.key_diff import KeyParts


class ExplainConfig(DescribeConfig):
    """What `explain-key` takes besides."""

    what: str = Field(
        description="First digits of a stored request's key, or the name of a class.",
        json_schema_extra=ARGUMENT,
    )
    scene: str = Field("*", description="Scene in which the class is asked about.")


@dataclass(frozen=True, kw_only=True)
class KeyReport:
    """What is in the key of a stored request, and what is not."""

    request_key: str
    in_key: "KeyParts"
    not_in_key: Sequence[str]
    prompt_id: str


@dataclass(frozen=True, kw_only=True)
class PlannedKeyReport(KeyReport):
    """The same of a planned request, and whether it is ``stored``.

    ``others`` are asked beside it of the same class in the same scene; ``differences`` tell it
    from the ``nearest_stored`` one, a line each.
    """

    others: Sequence[str]
    stored: bool
    nearest_stored: str | None
    differences: Sequence[str]


def run_explain(config: ExplainConfig) -> KeyReport:
    """What is in a stored request's key; or in that of a planned one, and what stored one is near.

    Raises: InputError, for what is neither the beginning of one key nor a class.
    """
    from langseg.descriptors.generation import key_diff

    job = describe_job(config)
    names = {entry.name.casefold(): entry.name for entry in job.vocabulary.classes}
    store = store_if_any(config)
    name = names.get(config.what.casefold())
    if name is None:
        close = get_close_matches(config.what.casefold(), names, n=1)
        hint = f"; did you mean {names[close[0]]}?" if close else ""
        wanted = f"{config.what!r}: wanted a class of {job.vocabulary.name}, or"
        if not key_diff.begins_key(config.what):
            digits = f"{key_diff.PREFIX_DIGITS} to 64 hex digits of a stored request's key"
            raise InputError(f"{wanted} {digits}{hint}")
        if store is None:
            raise InputError(
                f"{wanted} the beginning of a key in a store, got neither, as {config.store} "
                f"holds no store{hint}"
            )
        return _key_report(key_diff.find_request(store, config.what))
    about = [request for request in job.whole_plan(store) if request.class_name == name]
    planned = [request for request in about if request.scene == config.scene]
    if not planned:
        scenes = dict.fromkeys(request.scene for request in about)
        raise InputError(
            f"class {name!r}: wanted a request in scene {config.scene!r}, the plan has none; its "
            f"scenes are {', '.join(scenes)}"
        )
    request = planned[0]
    near = None if store is None else key_diff.nearest(store, request)
    return PlannedKeyReport(
        **vars(_key_report(request)),
        others=[
            f"{other.request_key} ({other.prompt_id}, sample {other.sample_index})"
            for other in planned[1:]
        ],
        stored=store is not None and _is_stored(store, request),
        nearest_stored=None if near is None else near.request_key,
        differences=[] if near is None else key_diff.differences(request, near),
    )


def _key_report(request: "Request") -> KeyReport:
    from langseg.descriptors.generation.key_diff import NOT_IN_KEY, explain

    return KeyReport(
        request_key=request.request_key,
        in_key=explain(request),
        not_in_key=NOT_IN_KEY,
        prompt_id=request.prompt_id,
    )


def explain_rows(report: KeyReport) -> list[tuple[str, str]]:
    """A key as a person reads it."""
    parts = report.in_key
    rows = [
        ("request_key", report.request_key),
        ("key version", str(parts.key_version)),
        ("model", parts.model),
    ]
    rows += [
        (f"message: {text.part}", f"{text.chars} characters, sha256 {text.sha256[:12]}")
        for text in parts.messages
    ]
    rows += [
        (f"data: {line.part}", json.dumps(line.value, ensure_ascii=False)) for line in parts.data
    ]
    rows += [(f"parameter: {name}", repr(value)) for name, value in parts.params.items()]
    counts = ", ".join(f"{name} {count}" for name, count in parts.schema.counts.items())
    rows.append(("schema", f"sha256 {parts.schema.sha256[:12]}; {counts}"))
    rows.append(("sample index", str(parts.sample_index)))
    rows.append(("not in the key", "; ".join(report.not_in_key)))
    if isinstance(report, PlannedKeyReport):
        rows += [("asked beside it", other) for other in report.others]
        rows.append(("in the store", "yes" if report.stored else "no"))
        rows.append(("nearest stored request", report.nearest_stored or "none"))
        rows += [("differs in", line) for line in report.differences]
    return rows


def _is_stored(store: "Store", request: "Request") -> bool:
    own = {"request_key": [request.request_key]}
    return len(store.table("requests", ("request_key",), where=own)) > 0
