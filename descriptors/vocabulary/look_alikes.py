"""Read which classes of a vocabulary are known to be confused, however far apart their names are.

In:  what a class list says under ``look_alikes``.
Out: each class with all the classes it is confused with, or problems.

A text encoder finds "river" near "lake", but "wall" far from "building" and "cabinet" from
"wardrobe", which a person who labels pictures confuses every day.
"""

from collections.abc import Collection

from langseg.cache.keys import normalise_text
from langseg.descriptors.phrases.characters import shown


def checked_look_alikes(
    value: object, names: Collection[str], problems: list[str]
) -> dict[str, tuple[str, ...]]:
    """Class -> its look-alikes, both ways, whichever of a pair the file says it of.

    Those that a class lists come first, in its order, then those that list it.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(f"look_alikes: wanted {{class: [classes]}}, got {shown(value)}")
        return {}
    pairs: list[tuple[str, str]] = []
    for key, listed in value.items():
        name = _name(key)
        if name not in names:
            problems.append(f"look_alikes: no class is named {shown(key)}")
        elif not isinstance(listed, list) or not listed:
            problems.append(f"look_alikes of {name!r}: wanted a list, got {shown(listed)}")
        else:
            strangers = [shown(other) for other in listed if _name(other) not in names]
            if strangers:
                problems.append(
                    f"look_alikes of {name!r}: no class is named {', '.join(strangers)}"
                )
            if name in map(_name, listed):
                problems.append(f"look_alikes of {name!r}: it cannot be its own")
            pairs += [(name, _name(other)) for other in listed]
    found: dict[str, dict[str, None]] = {}
    for one, other in (*pairs, *((other, one) for one, other in pairs)):
        found.setdefault(one, {})[other] = None
    return {name: tuple(others) for name, others in found.items()}


def _name(value: object) -> str:
    return normalise_text(value) if isinstance(value, str) else ""
