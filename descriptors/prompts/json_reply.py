"""Read the JSON object of a reply.

In:  the raw text of a reply, whatever it is.
Out: the object, or ValueError.
"""

import json
from collections.abc import Mapping
from typing import Any

_MAX_REPLY_CHARS = 2**20  # a usual reply has 2,000; the largest that can be asked for 400,000


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
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key that is there twice")
    return found
