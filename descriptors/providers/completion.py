"""Join what came as the body of a chat completion into one: whole, or as a stream of events.

In:  the text of a body, whatever it is.
Out: a ``Completion``: the first choice's message with what was told beside it.

A server that was asked for no stream may stream all the same, or close a whole reply with the end
mark of a stream.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from langseg.descriptors.openai_api.error_body import read_error
from langseg.descriptors.openai_api.error_reply import check_is_no_error

_BLANK = "\ufeff \t\r\n"
_LINE_END = re.compile(r"\r\n|\r|\n")  # str.splitlines would cut at U+2028, which JSON may hold
_STREAM_END = "[DONE]"
_FIELDS = (":", "event:", "id:", "retry:")  # lines of a stream that hold no data


class NotAReplyError(ValueError):
    """The body is no Chat Completions reply: no answer at all, so asking again may help."""


@dataclass
class Completion:
    """``message`` has the fields of the first choice's message, text pieces joined.
    ``broke_off``: a stream that ended without a word that it is whole."""

    message: dict[str, Any] = field(default_factory=dict)
    finish_reason: Any = None
    told: dict[str, Any] = field(default_factory=dict)
    broke_off: bool = False


def read_completion(body: str) -> Completion:
    """Raises: ErrorReplyError, for a body that says in its own words what went wrong;
    NotAReplyError, for anything else but JSON with a choice in it."""
    whole = Completion()
    n_choices = 0
    for event in _events(body):
        if event == _STREAM_END:
            whole.broke_off = False
            continue
        check_is_no_error(event, "choices", begun=bool(whole.message))
        if not isinstance(event, dict):
            continue
        whole.told |= {name: value for name, value in event.items() if value is not None}
        choices = event.get("choices")
        if isinstance(choices, list) and choices:
            n_choices += 1
            choice = choices[0] if isinstance(choices[0], dict) else {}
            if choice.get("index", 0) in (0, None) or "delta" not in choice:  # streams mix choices
                _add(whole, choice)
    if not n_choices:
        raise NotAReplyError(f"a reply without a choice in it: {body[:200]!r}")
    return whole


def _add(whole: Completion, choice: dict[str, Any]) -> None:
    """One more event's choice; a piece is a ``delta`` (or, of old, a ``text``)."""
    check_is_no_error(choice, "message", begun=True)
    piece, message = choice.get("delta", {"content": choice.get("text")}), choice.get("message")
    for name, value in piece.items() if isinstance(piece, dict) else ():
        before = whole.message.get(name)
        joins = isinstance(value, (str, list)) and type(before) is type(value)
        if value is not None:
            whole.message[name] = before + value if joins else value
    if isinstance(message, dict):
        whole.message |= {name: value for name, value in message.items() if value is not None}
    whole.finish_reason = choice.get("finish_reason") or whole.finish_reason
    whole.broke_off = "delta" in choice and not whole.finish_reason


def _events(body: str) -> Iterator[Any]:
    """The JSON values of a body, and the mark of a stream's end. Raises: NotAReplyError."""
    text, data = body.strip(_BLANK), list[str]()
    try:
        if text.startswith(("{", "[")):
            value, end = json.JSONDecoder().raw_decode(text)
            yield value
            text = text[end:]
        for line in (*_LINE_END.split(text), ""):
            if line.startswith(("data:", "{")):
                data.append(line.removeprefix("data:").strip())
            elif not line.strip():
                yield from _values(data)
                data = []
            elif not line.startswith(_FIELDS):
                raise ValueError
    except (ValueError, RecursionError):
        words = read_error(body, 0.0).words[:100]  # of a page, its title
        raise NotAReplyError(f"other text than JSON: {words!r}") from None


def _values(data: list[str]) -> Iterator[Any]:
    """One value on several lines, as the standard of such streams has it, or one on each."""
    lines = [line for line in data if line and line != _STREAM_END]
    try:
        values = [json.loads("\n".join(lines))] if lines else []
    except ValueError:
        values = [json.loads(line) for line in lines]
    yield from values
    if _STREAM_END in data:
        yield _STREAM_END
