"""Tell everything a store knows about one class.

In:  the folder of a store and the name of a class, or a synonym of it.
Out: a report of what was asked about it, what was answered, kept and dropped.

A class is what was asked: two vocabularies that mean the same by a name share its answers, and a
name with two senses shows both, each with the vocabularies that mean it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from langseg.cache.errors import InputError
from langseg.pipelines.desc.store_config import StoreConfig
from langseg.pipelines.shared.settings import ARGUMENT

if TYPE_CHECKING:
    from langseg.cache.store.store import Store

_SENSE = ("sense", "vocabularies", "name", "synonyms", "definition")
_ASKED = (
    "request_key", "class_name", "sense", "vocabularies", "scene", "sample_index", "model",
    "prompt_id",
)  # fmt: skip
_ANSWER = (
    "request_key", "status", "provider", "dialect", "served_model", "prompt_tokens",
    "completion_tokens", "cost_usd", "created_at", "error",
)  # fmt: skip
_OF_ITS_REQUEST = ("model", "sense", "vocabularies")  # shown where they differ
_ORDER = ("model", "sense", "scene", "subclass", "rank", "request_key")
_PHRASE = ("request_key", "text_id", "scene", "subclass", "slot", "rank", "rejected")


class ShowConfig(StoreConfig):
    """What `show` takes."""

    class_name: str = Field(
        description="A class that was asked about, or a synonym.", json_schema_extra=ARGUMENT
    )


@dataclass(frozen=True, kw_only=True)
class EncoderTexts:
    """How many ``texts`` of a class an encoder has embedded, and how many of them it cut, where
    anybody knows that."""

    encoder: str
    texts: int
    truncated: int | None


@dataclass(frozen=True, kw_only=True)
class ShownClass:
    """Everything a store knows about one class.

    ``senses`` are its name, synonyms and definition as they were asked about, and the vocabularies
    that mean it so; phrases ``kept`` and ``dropped`` with the model that wrote them and the classes
    that they are kept for, too; ``requests`` and ``answers`` are rows of those tables. Rows map
    columns to values.
    """

    class_name: str
    senses: Sequence[Mapping[str, Any]]
    kept: Sequence[Mapping[str, Any]]
    dropped: Sequence[Mapping[str, Any]]
    requests: Sequence[Mapping[str, Any]]
    answers: Sequence[Mapping[str, Any]]
    vectors: Sequence[EncoderTexts]
    sentence: str


def run_show(store_path: Path, class_name: str) -> ShownClass:
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
    vocabularies = _vocabularies(store, {row["sense"] for row in requests})
    for row in requests:
        row["vocabularies"] = vocabularies[row["sense"]]
    asked = {row["request_key"]: row for row in requests}
    senses = {row["sense"]: row for row in requests}
    phrases = [
        {column: asked[row["request_key"]][column] for column in _OF_ITS_REQUEST}
        | {"text": texts[row["text_id"]], **row, "shared_with": []}
        for row in descriptors
    ]
    _note_sharing(store, name, phrases)
    phrases.sort(key=lambda row: [row[column] for column in _ORDER])
    accepted = [row for row in phrases if not row["rejected"]]
    spent = sum(row["cost_usd"] or 0.0 for row in answers)
    return ShownClass(
        class_name=name,
        senses=[
            {column: senses[sense][column] for column in ("sense", "vocabularies")}
            | class_data(senses[sense]["messages_json"])
            for sense in sorted(senses)
        ],
        kept=accepted,
        dropped=[row for row in phrases if row["rejected"]],
        requests=[{column: row[column] for column in _ASKED} for row in requests],
        answers=sorted(answers, key=lambda row: str(row["created_at"])),
        vectors=_vectors(store, ids),
        sentence=f"{name}: {len(requests)} requests, {len(answers)} answers, {len(accepted)} "
        f"phrases kept, {len(phrases) - len(accepted)} dropped, ${spent:.4f} of known cost",
    )


def show_tables(report: ShownClass) -> list[tuple[str, tuple[str, ...], list[list[Any]]]]:
    """(title, columns, rows) of each part that holds anything."""
    parts = [
        ("What it means", _SENSE, [_cells(sense, _SENSE) for sense in report.senses]),
        _part(report.kept, "Phrases kept", ("scene", "subclass", "slot", "text", "shared_with")),
        _part(report.dropped, "Phrases dropped", ("rejected", "scene", "slot", "text")),
        _part(report.requests, "Requests", ("scene", "model", "prompt_id", "request_key")),
        _part(
            report.answers, "Answers",
            ("status", "provider", "completion_tokens", "cost_usd", "created_at", "error"),
        ),
        _part([vars(one) for one in report.vectors], "Vectors", ("encoder", "texts", "truncated")),
    ]  # fmt: skip
    return [(title, columns, rows) for title, columns, rows in parts if rows]


def _part(
    rows: Sequence[Mapping[str, Any]], title: str, columns: tuple[str, ...]
) -> tuple[str, tuple[str, ...], list[list[Any]]]:
    several = tuple(
        column
        for column in _OF_ITS_REQUEST
        if column not in columns and len({str(row.get(column)) for row in rows}) > 1
    )
    columns = (*several, *columns)
    return title, columns, [_cells(row, columns) for row in rows]


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
            told = class_data(row["messages_json"])
            for other in (told["name"], *told["synonyms"]):
                synonyms.setdefault(other.casefold(), row["class_name"])
    if wanted.casefold() in synonyms:
        return synonyms[wanted.casefold()]
    close = get_close_matches(wanted.casefold(), dict.fromkeys([*known, *synonyms]), n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "`langseg-desc audit` lists them"
    raise InputError(
        f"class {wanted!r}: wanted one of the {len(known)} classes that {store.path} was asked "
        f"about; {hint}"
    )


def _vocabularies(store: "Store", senses: Collection[str]) -> dict[str, list[str]]:
    """The vocabularies that mean each sense; none where the store does not know."""
    found: dict[str, set[str]] = {sense: set() for sense in senses}
    for row in store.table("classes", where={"sense": senses}).to_pylist():
        found[row["sense"]].add(row["vocabulary"])
    return {sense: sorted(names) for sense, names in found.items()}


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


def _vectors(store: "Store", ids: list[str]) -> list[EncoderTexts]:
    """For each text encoder how many of the texts it has embedded, and how many it cut."""
    counts = []
    for encoder_id in store.encoders():
        table = store.embeddings(encoder_id, ("truncated",), where={"text_id": ids})
        truncated = [cut for cut in table["truncated"].to_pylist() if cut is not None]
        counts.append(
            EncoderTexts(
                encoder=encoder_id,
                texts=len(table),
                truncated=sum(truncated) if truncated or not len(table) else None,
            )
        )
    return counts
