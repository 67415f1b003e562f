"""Read the body of an error, in whichever form its server wrote it.

In:  a body: JSON of any shape, HTML, plain text.
Out: an ``ErrorBody``: the server's own words, its names for the error, how long it asks to wait.
"""

import html
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from langseg.descriptors.openai_api.told_wait import wait_in_body, wait_in_words

_DEPTH = 8  # gateways put the error of whom they asked into their own, also as text
_WORDS = 2000  # far more than is ever shown
_ITEMS = 3
_BEARERS = (  # where words are, the most telling first; an "error" that is an object comes before
    "message", "error_description", "error_message", "error_msg", "detail", "details", "msg",
    "base_resp", "status_msg", "errors", "errorMessage", "error", "description", "reason", "title",
)  # fmt: skip
_NAMES = (
    "code", "type", "status", "error_type", "error_code", "errorCode", "reason", "quotaId", "error",
    "event",
)  # fmt: skip
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.IGNORECASE | re.DOTALL)
_EVENT = re.compile(r"^data:\s*([{\[].*)$", re.MULTILINE)
_HTML = re.compile(
    r"\s*(?:<!--.*?-->\s*)*<(?:!doctype|html|head|body|title|h1|center)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class ErrorBody:
    """What an error says. ``words`` are as they came, "" for none; ``names`` are in lower case;
    ``wait_s`` is None where no delay is told; ``is_api``: it is JSON with words in it, as an API
    writes them and a web page does not."""

    words: str
    names: frozenset[str]
    wait_s: float | None
    is_api: bool


def read_error(body: Any, now: float) -> ErrorBody:
    """Read a decoded body, or its text.

    Args:
        now: seconds since the epoch, for delays that are told as a moment.
    """
    value = _decoded(body)
    words = " ".join(_words(value, _DEPTH).split())
    waits = [wait for wait in (wait_in_body(value, now), wait_in_words(words)) if wait is not None]
    text = body if isinstance(body, str) else json.dumps(body)
    return ErrorBody(
        words=(words or " ".join(text.split()))[:_WORDS],
        names=frozenset(name.casefold() for name in _names(value, _DEPTH)),
        wait_s=max(waits, default=None),
        is_api=bool(words) and (value is not body or not isinstance(body, str)),
    )


def _decoded(value: Any) -> Any:
    """JSON text decoded, also where it stands in JSON as text, or in a stream's event."""
    event = _EVENT.search(value) if isinstance(value, str) else None
    text = event[1] if event else value
    if isinstance(text, str) and text.lstrip().startswith(("{", "[", '"')):
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return value


def _words(value: Any, depth: int) -> str:
    value = _decoded(value)
    if depth == 0:
        return ""
    if isinstance(value, str):
        return _seen(value) if _HTML.match(value) else value.strip()
    if isinstance(value, list):
        found = [_words(item, depth - 1) for item in value[:_ITEMS]]
        return "; ".join(dict.fromkeys(filter(None, found)))
    if not isinstance(value, dict):
        return ""
    said = _said(value, depth)
    place = value.get("loc")  # FastAPI: where in the request
    if said and isinstance(place, list):
        said = f"{'.'.join(str(part) for part in place)}: {said}"
    upstream = value.get("metadata")  # OpenRouter: what the provider behind it said
    raw = _words(upstream.get("raw"), depth - 1) if isinstance(upstream, dict) else ""
    return f"{said}: {raw}" if said and raw and raw not in said else said or raw


def _said(value: dict[str, Any], depth: int) -> str:
    """What the most telling field says that says anything."""
    inner = value.get("error")
    if isinstance(_decoded(inner), (dict, list)) and (said := _words(inner, depth - 1)):
        return said
    return next(filter(None, (_words(value.get(name), depth - 1) for name in _BEARERS)), "")


def _seen(page: str) -> str:
    """The title of a page; where it has none, what a person would see of it."""
    title = _TITLE.search(page)
    seen = html.unescape(title.group(1)) if title else ""
    return seen.strip() or html.unescape(_UNSEEN.sub(" ", page)).strip()


def _names(value: Any, depth: int) -> Iterator[str]:
    value = _decoded(value)
    if depth == 0:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in _NAMES and isinstance(inner, (str, int)) and len(str(inner)) <= 100:
                yield str(inner)
            else:
                yield from _names(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value[:_ITEMS]:
            yield from _names(inner, depth - 1)
