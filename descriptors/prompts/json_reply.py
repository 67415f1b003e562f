"""The JSON of a reply: the parts its schema is made of, and the object that came back.

In:  counts to ask for; later the raw text of a reply, whatever it is.
Out: JSON schemas with exact counts; the object, or ValueError.
"""

import json
from collections.abc import Mapping
from typing import Any

from langseg.cache.records import SLOTS
from langseg.descriptors.phrases.rules import NAME_CHARS, PHRASE_CHARS

_MAX_REPLY_CHARS = 2**20  # a usual reply has 2,000; the largest that can be asked for 400,000


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


def reply_object(raw_text: str) -> Mapping[str, Any]:
    """The JSON object of a reply, in a Markdown fence or not.

    Raises: ValueError, for anything else, duplicate keys included; RecursionError.
    """
    if len(raw_text) > _MAX_REPLY_CHARS:
        raise ValueError(f"{len(raw_text)} characters")
    text = raw_text.strip()
    if text.startswith("```") and text.endswith("```"):
        text = text.removesuffix("```").partition("\n")[2]
    reply = json.loads(text, object_pairs_hook=_without_duplicates)
    if not isinstance(reply, dict):
        raise ValueError(f"a JSON {type(reply).__name__}")
    return reply


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key that is there twice")
    return values
