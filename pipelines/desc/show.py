"""Tell everything a store knows about one class.

In:  the folder of a store and the name of a class, or a synonym of it.
Out: what was asked about it, what was answered, kept and dropped, as JSON-able values.

A class is what was asked: two vocabularies that mean the same by a name share its answers, and a
name with two senses shows both.
"""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langseg.cache.errors import InputError

if TYPE_CHECKING:
    from langseg.cache.store.store import Store

_SENSE = ("name", "synonyms", "definition")
_ASKED = ("request_key", "class_name", "scene", "sample_index", "model", "prompt_id")
_ANSWER = (
    "request_key", "status", "provider", "served_model", "prompt_tokens", "completion_tokens",
    "cost_usd", "created_at", "error",
)  # fmt: skip
_PHRASE = ("request_key", "text_id", "scene", "subclass", "slot", "rank", "rejected")


def run_show(store_path: Path, class_name: str) -> dict[str, Any]:
    """Raises: InputError, naming near names, for a class that the store was never asked about."""
    from langseg.cache.store.store import Store
    from langseg.descriptors.prompts.template import class_data

    store = Store.open(store_path)
    name = _known_name(store, class_name)
    requests = store.table("requests", where={"class_name": [name]}).to_pylist()
    keys = [row["request_key"] for row in requests]
    answers = store.table("responses", _ANSWER, where={"request_key": keys}).to_pylist()
    descriptors = store.table("descriptors", _PHRASE, where={"request_key": keys}).to_pylist()
    ids = [row["text_id"] for row in descriptors]
    texts = {
        row["text_id"]: row["text"]
        for row in store.table("texts", where={"text_id": ids}).to_pylist()
    }
    models = {row["request_key"]: row["model"] for row in requests}
    senses = {json.dumps(class_data(row["messages_json"]), sort_keys=True) for row in requests}
    phrases = [
        {"model": models[row["request_key"]], "text": texts[row["text_id"]], **row}
        | {"shared_with": []}
        for row in descriptors
    ]
    _note_sharing(store, name, phrases)
    phrases.sort(key=lambda row: (row["model"], row["scene"], row["subclass"], row["rank"]))
    accepted = [row for row in phrases if not row["rejected"]]
    spent = sum(row["cost_usd"] or 0.0 for row in answers)
    return {
        "class_name": name,
        "senses": [json.loads(sense) for sense in sorted(senses)],
        "kept": accepted,
        "dropped": [row for row in phrases if row["rejected"]],
        "requests": [{column: row[column] for column in _ASKED} for row in requests],
        "answers": sorted(answers, key=lambda row: str(row["created_at"])),
        "vectors": _vectors(store, ids),
        "sentence": f"{name}: {len(requests)} requests, {len(answers)} answers, {len(accepted)} "
        f"phrases kept, {len(phrases) - len(accepted)} dropped, ${spent:.4f} of known cost",
    }


def show_tables(report: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...], list[list[Any]]]]:
    """(title, columns, rows) of each part that holds anything."""
    parts = [
        ("What it means", _SENSE, [_cells(sense, _SENSE) for sense in report["senses"]]),
        _part(report, "Phrases kept", "kept", ("scene", "subclass", "slot", "text", "shared_with")),
        _part(report, "Phrases dropped", "dropped", ("rejected", "scene", "slot", "text")),
        _part(report, "Requests", "requests", ("scene", "model", "prompt_id", "request_key")),
        _part(
            report, "Answers", "answers",
            ("status", "provider", "completion_tokens", "cost_usd", "created_at", "error"),
        ),
        _part(report, "Vectors", "vectors", ("encoder", "texts", "truncated")),
    ]  # fmt: skip
    return [(title, columns, rows) for title, columns, rows in parts if rows]


def _part(
    report: Mapping[str, Any], title: str, key: str, columns: tuple[str, ...]
) -> tuple[str, tuple[str, ...], list[list[Any]]]:
    models = {row["model"] for row in report[key] if "model" in row}
    if len(models) > 1 and "model" not in columns:
        columns = ("model", *columns)
    return title, columns, [_cells(row, columns) for row in report[key]]


def _cells(row: Mapping[str, Any], columns: tuple[str, ...]) -> list[Any]:
    values = [row.get(column, "") for column in columns]
    return [", ".join(map(str, one)) if isinstance(one, list) else one for one in values]


def _known_name(store: "Store", wanted: str) -> str:
    """The class as the store has it; the case does not matter, and a synonym will do."""
    from langseg.descriptors.prompts.template import class_data

    table = store.table("requests", ("class_name", "messages_json"))
    asked: list[str] = table["class_name"].to_pylist()
    known = {name.casefold(): name for name in asked if name}
    if wanted.casefold() in known:
        return known[wanted.casefold()]
    synonyms: dict[str, str] = {}
    for row in table.to_pylist():
        if row["class_name"]:
            for other in class_data(row["messages_json"])["synonyms"]:
                synonyms.setdefault(other.casefold(), row["class_name"])
    if wanted.casefold() in synonyms:
        return synonyms[wanted.casefold()]
    close = get_close_matches(wanted.casefold(), [*known, *synonyms], n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "`langseg-desc audit` lists them"
    raise InputError(
        f"class {wanted!r}: wanted one of the {len(known)} classes that {store.path} was asked "
        f"about; {hint}"
    )


def _note_sharing(store: "Store", name: str, phrases: list[dict[str, Any]]) -> None:
    """Which other classes a kept phrase is kept for, too."""
    ids = [row["text_id"] for row in phrases]
    owners: dict[str, set[str]] = {}
    columns = ("text_id", "class_name", "rejected")
    for row in store.table("descriptors", columns, where={"text_id": ids}).to_pylist():
        if not row["rejected"] and row["class_name"] != name:
            owners.setdefault(row["text_id"], set()).add(row["class_name"])
    for row in phrases:
        row["shared_with"] = sorted(owners.get(row["text_id"], ()))


def _vectors(store: "Store", ids: list[str]) -> list[dict[str, Any]]:
    """For each text encoder how many of the texts it has embedded, and how many it cut."""
    counts = []
    for encoder_id in store.encoders():
        table = store.embeddings(encoder_id, ("truncated",), where={"text_id": ids})
        truncated = table["truncated"].to_pylist()
        counts.append({"encoder": encoder_id, "texts": len(truncated), "truncated": sum(truncated)})
    return counts
