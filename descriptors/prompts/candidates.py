"""Pick the phrases out of a reply's object, before the words of any are looked at.

In:  the object of a reply, whose schema was asked for but need not have been kept.
Out: a ``Candidate`` for each item that is a phrase at all; or ValueError, for a list that lacks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One text of a reply on its way through the checks."""

    text: str
    slot: str
    subclass: str
    doomed: str = ""  # a reason that holds before the text is looked at
    is_name: bool = False  # the subclass's own name, checked before it could own phrases


def asked_items(reply: Mapping[str, Any], key: str, asked: Mapping[str, Any]) -> list[Any]:
    """The list under ``key``, as long as was asked for at most; none where it was not asked for.

    Args:
        asked: the properties of the schema that was asked for.
    """
    if key not in asked:
        return []
    items = reply.get(key)
    if not isinstance(items, list):
        raise ValueError(f"no list {key!r}")
    return items[: asked[key]["maxItems"]]


def candidates(items: Sequence[Any], subclass: str, doomed: str = "") -> Iterator[Candidate]:
    """Items that are no objects with two texts are no phrases, and drop out unnamed."""
    for item in items:
        slot, text = text_field(item, "slot"), text_field(item, "text")
        if slot is not None and text is not None:
            yield Candidate(text=text, slot=slot, subclass=subclass, doomed=doomed)


def text_field(item: Any, key: str) -> str | None:
    """The text under ``key``; None where an item holds none."""
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) else None
