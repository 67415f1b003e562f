"""The JSON of a reply: the parts its schema is made of, and the object that came back.

In:  counts to ask for; later the raw text of a reply, whatever it is.
Out: JSON schemas with exact counts; the object, or ValueError.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from langseg.cache.records import SLOTS
from langseg.descriptors.phrases.rules import PHRASE_CHARS
from langseg.descriptors.phrases.spoken import NAME_CHARS

_MAX_REPLY_CHARS = 2**20  # a usual reply has 2,000; the largest that can be asked for 400,000
_MAX_BROKEN = 1000  # attempts to read an object, each of which costs time beside its characters
_BLANK = "\ufeff\u200b \t\r\n\f\v\0"
_OPENING = re.compile(r'\{\s*"')  # a brace that can begin an object with anything in it
_THOUGHT = re.compile(  # tags of reasoning models, as their own chat templates write them
    r"(?P<end></(?:seed:)?(?:think|thinking|thought|thoughts|reasoning|reflection)>|\[/THINK\]"
    r"|<\|end_of_thought\|>|<\|END_THINKING\|>|◁/think▷|<channel\|>"
    r"|<\|channel\|>\s*final\b|assistantfinal)"
    r"|<(?:seed:)?(?:think|thinking|thought|thoughts|reasoning|reflection)>|\[THINK\]"
    r"|<\|begin_of_thought\|>|<\|START_THINKING\|>|◁think▷|<\|channel>thought"
    r"|<\|channel\|>\s*(?:analysis|commentary)",
    re.IGNORECASE,
)


def phrase() -> dict[str, Any]:
    """Schema of one descriptor: its slot and its text."""
    return object_of(
        slot={"type": "string", "enum": list(SLOTS)},
        text={"type": "string", "maxLength": PHRASE_CHARS},
    )


def name_text() -> dict[str, Any]:
    """Schema of a class's or subclass's name; the names themselves are in no schema."""
    return {"type": "string", "maxLength": NAME_CHARS}


def list_of(items: Mapping[str, Any], count: int, least: int | None = None) -> dict[str, Any]:
    """Schema of a list: without a maximum some engines write items until the reply is cut."""
    smallest = count if least is None else least
    return {"type": "array", "items": items, "minItems": smallest, "maxItems": count}


def object_of(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """Schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


class UnclosedReplyError(ValueError):
    """The object of a reply breaks off: there is nothing behind that could close it."""


def reply_object(raw_text: str) -> dict[str, Any]:
    """The one JSON object of a reply, whatever stands around it.

    What models and servers put there: a sentence, a Markdown fence, an end token, a byte order
    mark, what the model thought. What it thought counts only where nothing else holds an object.
    The same object twice is one; an empty object inside text is none. Takes time in proportion to
    the length of the text, whatever the text is.

    Raises: UnclosedReplyError, for an object that breaks off; ValueError, for anything else but
    one object: none, two that differ, a key that is there twice, nesting without end.
    """
    if len(raw_text) > _MAX_REPLY_CHARS:
        raise ValueError(f"{len(raw_text)} characters")
    text = raw_text.strip(_BLANK)
    try:
        whole = _DECODER.decode(text)
        if isinstance(whole, str):  # JSON inside JSON
            text = whole
        elif not isinstance(whole, list):
            return _as_object(whole)
    except json.JSONDecodeError:
        pass
    except RecursionError:
        raise ValueError("nested too deeply") from None
    found = _one_object(_outside_thoughts(text)) or _one_object(text)
    if found is None:
        raise ValueError("no JSON object")
    return found


def _as_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"a JSON {type(value).__name__}")
    return value


def _one_object(text: str) -> dict[str, Any] | None:
    """The object in a text, None for none; each character is looked at a bounded number of times:
    where an object does not end well, the search goes on at the place that is wrong."""
    found: dict[str, Any] | None = None
    errors: list[json.JSONDecodeError] = []
    place = 0
    while start := _OPENING.search(text, place):
        try:
            value, place = _DECODER.raw_decode(text, start.start())
            if found is not None and value != found:
                raise ValueError(str(errors[0]) if errors else "two JSON objects that differ")
        except json.JSONDecodeError as exc:
            errors.append(exc)
            if len(errors) > _MAX_BROKEN:
                raise ValueError(f"{len(errors)} objects that break off") from None
            place = max(exc.pos, start.end())
        except RecursionError:
            raise ValueError("nested too deeply") from None
        else:
            found = value
    if found is None and errors:
        closed = text.find("}", place) >= 0
        raise (ValueError if closed else UnclosedReplyError)(str(errors[0]))
    return found


def _outside_thoughts(text: str) -> str:
    """What a reasoning model says when it has thought. Where thoughts end that never began, all
    before was thought: chat templates often write the first tag themselves."""
    said: list[str] = []
    thinking, place = False, 0
    for tag in _THOUGHT.finditer(text):
        if tag["end"]:
            if not thinking:
                said.clear()
            thinking, place = False, tag.end()
        elif not thinking:
            said.append(text[place : tag.start()])
            thinking = True
    if not thinking:
        said.append(text[place:])
    return "\n".join(said)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key that is there twice")
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_without_duplicates)
