"""Say what is in a request's key, and why two requests that look alike have two keys.

In:  stored or planned requests.
Out: the parts of a key; the parts in which two requests differ, a line each.

The messages are told apart as a person thinks of them: what the system is told, what the user
asks, and the lines of data that close it (the class, the scene, look-alikes).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Any

import pyarrow.compute as pc

from langseg.cache.errors import CorruptError, InputError
from langseg.cache.keys import KEY_VERSION, canonical_json, request_key, sha256_hex
from langseg.cache.records import Request
from langseg.cache.store.store import Store
from langseg.descriptors.phrases.characters import printable

NOT_IN_KEY = (
    "provider", "mode (online, batch, local)", "base URL", "API key", "retries", "concurrency",
    "budget", "prompt_id (the text it made is in the key)",
    "class id (name, synonyms and definition are in the key)", "parser version",
)  # fmt: skip
PREFIX_DIGITS = 8
_NAMED = 5  # keys named in an error
_LINES = 8  # lines about one part
_CHARS = 60  # of a value in a line
_BEFORE = 10  # characters of a text that still are the same
_HEX = frozenset("0123456789abcdef")
_ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class TextPart:
    """A text of a key: which ``part`` it is, its length and its sha256."""

    part: str
    chars: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class DataPart(TextPart):
    """A line of data that closes the messages, and the JSON ``value`` in it."""

    value: Any


@dataclass(frozen=True, kw_only=True)
class SchemaPart:
    """A JSON schema; ``counts`` says of each of its lists how many items it has."""

    sha256: str
    counts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class KeyParts:
    """What a request's key is made of."""

    key_version: int
    model: str
    messages: Sequence[TextPart]
    data: Sequence[DataPart]
    params: Mapping[str, Any]
    schema: SchemaPart
    sample_index: int


def explain(request: Request) -> KeyParts:
    """The parts of a request's key.

    Raises: CorruptError, when the key is not that of the request's columns.
    """
    parts = _parts(request)
    schema = parts["schema"]
    return KeyParts(
        key_version=KEY_VERSION,
        model=request.model,
        messages=[
            TextPart(part=role, chars=len(text), sha256=sha256_hex(text))
            for role, text in parts["texts"].items()
        ],
        data=[
            DataPart(part=mark, chars=len(text), sha256=sha256_hex(text), value=json.loads(text))
            for mark, text in parts["data"].items()
        ],
        params=parts["params"],
        schema=SchemaPart(sha256=sha256_hex(canonical_json(schema)), counts=dict(_counts(schema))),
        sample_index=request.sample_index,
    )


def differences(a: Request, b: Request) -> list[str]:
    """What makes the keys of two requests differ: ``part: in a / in b``, none for equal keys.

    Raises: CorruptError, as ``explain``.
    """
    first, second = _parts(a), _parts(b)
    if a.request_key == b.request_key:
        return []
    for parts in (first, second):
        parts["data"] = {mark: json.loads(text) for mark, text in parts["data"].items()}
    prompts = "" if a.prompt_id == b.prompt_id else f" (prompt {a.prompt_id} / {b.prompt_id})"
    texts = _text_lines(first.pop("texts"), second.pop("texts"), prompts)
    lines = [
        line for name in first for line in _value_lines(name, first[name], second[name])
    ] + texts
    return lines or ["messages: the same texts and values, written differently"]


def begins_key(text: str) -> bool:
    """Whether a key may begin so: at least 8 hex digits."""
    digits = text.strip().lower()
    return PREFIX_DIGITS <= len(digits) <= 64 and _HEX.issuperset(digits)


def find_request(store: Store, prefix: str) -> Request:
    """The stored request whose key begins with at least 8 hex digits.

    Raises: InputError, for a prefix that is none, that no key has, or that several have.
    """
    wanted = prefix.strip().lower()
    if not begins_key(prefix):
        raise InputError(
            f"request key {printable(prefix)!r}: wanted {PREFIX_DIGITS} to 64 hex digits; "
            "`langseg-desc sql 'from requests'` lists the keys"
        )

    keys = store.table("requests", ("request_key",))["request_key"]
    matches = set(keys.filter(pc.starts_with(keys, wanted)).to_pylist())
    if len(matches) > 1:
        named = ", ".join(sorted(matches)[:_NAMED]) + (", ..." if len(matches) > _NAMED else "")
        raise InputError(
            f"request key {wanted}: wanted one request, {len(matches)} have it: {named}; "
            "give more digits"
        )
    if not matches:
        raise InputError(
            f"{store.path}: wanted a request whose key begins with {wanted}, got none; "
            "`langseg-desc sql 'from requests'` lists the keys"
        )
    row, *_ = store.table("requests", where={"request_key": matches}).to_pylist()
    return Request(**row)


def nearest(store: Store, request: Request) -> Request | None:
    """The stored request of the same class, scene and sample that shares most parts of the key.

    Of several, the one stored last. A request that is stored itself is not its own neighbour.
    Raises: CorruptError, as ``explain``.
    """

    alike = {name: [getattr(request, name)] for name in ("class_name", "scene", "sample_index")}
    best, fewest = None, (0, 0)
    for row in store.table("requests", where=alike).to_pylist():
        other = Request(**row)
        if other.request_key == request.request_key:
            continue
        lines = differences(request, other)
        apart = len({line.partition(":")[0].split()[0] for line in lines}), len(lines)
        if best is None or apart <= fewest:
            best, fewest = other, apart
    return best


def _parts(request: Request) -> dict[str, Any]:
    """The parts of a key, by the first word of the lines about them. Raises: CorruptError."""
    try:
        messages = json.loads(request.messages_json)
        params, schema = json.loads(request.params_json), json.loads(request.schema_json)
        key = request_key(
            model=request.model,
            messages=messages,
            params=params,
            schema=schema,
            sample_index=request.sample_index,
        )
        texts, data = _texts_and_data(messages)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as exc:
        raise CorruptError(
            f"request {request.request_key[:12]}: wanted messages, parameters and a schema in "
            f"JSON, got {printable(str(exc))}; run `langseg-desc verify`"
        ) from exc
    if key != request.request_key:
        raise CorruptError(
            f"request {request.request_key[:12]}: wanted the key of its own columns, which is "
            f"{key[:12]}; the row is damaged or was made by another key version, so run "
            "`langseg-desc verify`"
        )
    return {
        "model": request.model,
        "texts": texts,
        "data": data,
        "params": params,
        "schema": schema,
        "sample_index": request.sample_index,
    }


def _texts_and_data(messages: Sequence[Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Role -> text without data; mark -> JSON of the lines of data that close the messages."""
    texts: dict[str, str] = {}
    data: dict[str, str] = {}
    for number, message in enumerate(messages, 1):
        role = message["role"] if message["role"] not in texts else f"{message['role']} {number}"
        texts[role] = message["content"]
        if number == len(messages):
            texts[role], data = _split(texts[role])
    return texts, data


def _split(text: str) -> tuple[str, dict[str, str]]:
    """A message without the lines of ``Mark: JSON`` that close it; and those, by mark."""
    lines = text.split("\n")
    data: dict[str, str] = {}
    while lines:
        mark, colon, value = lines[-1].partition(": ")
        if not colon or not mark.replace("-", "").isalpha() or mark in data:
            break
        try:
            json.loads(value)
        except (ValueError, RecursionError):
            break
        data[mark] = value
        lines.pop()
    return "\n".join(lines), dict(reversed(data.items()))


def _counts(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """For each list of a schema, by the names that lead to it, how many items it has."""
    for name, inner in (schema.get("properties") or {}).items():
        here = f"{path}.{name}" if path else name
        if inner.get("type") == "array":
            least, longest = inner.get("minItems"), inner.get("maxItems")
            yield here, longest if least == longest else f"{least} to {longest}"
        yield from _counts(inner.get("items") or inner, here)


def _value_lines(name: str, a: Any, b: Any) -> list[str]:
    """The lines about one part that is a JSON value."""
    lines = [f"{name}{path}: {_short(x)} / {_short(y)}" for path, x, y in _apart(a, b)]
    more = len(lines) - _LINES
    return lines if more <= 0 else [*lines[:_LINES], f"{name}: and {more} more"]


def _text_lines(a: dict[str, str], b: dict[str, str], prompts: str) -> list[str]:
    """A line for each message, from a little before the first character that differs."""
    lines = []
    for role in {**a, **b}:
        x, y = a.get(role), b.get(role)
        if x is None or y is None:
            one, other = (_short(_ABSENT if text is None else text) for text in (x, y))
            difference = f"{one} / {other}"
        elif x != y:
            place = len(commonprefix([x, y]))
            start = max(0, place - _BEFORE)
            difference = f"from character {place + 1} on, {_short(x[start:])} / {_short(y[start:])}"
        else:
            continue
        lines.append(f"{printable(role, _CHARS)}{prompts}: {difference}")
    return lines


def _apart(a: Any, b: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two JSON values differ: the path to it, and what is there in each."""
    if isinstance(a, dict) and isinstance(b, dict):
        for name in {**a, **b}:
            yield from _apart(
                a.get(name, _ABSENT), b.get(name, _ABSENT), f"{path} {printable(name, _CHARS)}"
            )
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for n, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from _apart(x, y, f"{path} {n + 1}")
    elif a is _ABSENT or b is _ABSENT or canonical_json(a) != canonical_json(b):
        yield path, a, b


def _short(value: Any) -> str:
    text = "absent" if value is _ABSENT else json.dumps(value, ensure_ascii=False)
    return printable(text, _CHARS)
