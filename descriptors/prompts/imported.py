"""Keep an imported set as it was published, with the reasons that speak against its phrases.

In:  a reply that holds a file's phrases, each with the reason the checks would drop it for.
Out: the same phrases, all but the few that must not be kept in any case.

CuPL's sentences name their class and are 14 to 19 words long, so the checks drop nearly all of
them; what a published set is worth can be told only with the set as it is. Its phrases keep their
spelling, full stops included. Dropped all the same: what is hostile, what has no word in it, and a
text that is there twice (no set is worth more for it: a class has each text once).
"""

from collections.abc import Sequence
from typing import Any

from langseg.cache.records import ANY_SLOT, NAME_SLOT, SLOTS
from langseg.descriptors.phrases.names import words
from langseg.descriptors.phrases.rules import folded, phrase_verdict
from langseg.descriptors.prompts.prompt import list_of, name_text, object_of

REPLY_KEY = "published"  # what tells this kind of reply from the others
MAX_PHRASES = 5000  # of one class in one scene; LaBo has 805 at most


def published_schema(max_chars: int) -> dict[str, Any]:
    """Schema of a reply: a flat list, in which ``flag`` is "" or the reason that would drop it."""
    item = object_of(
        slot={"type": "string", "enum": [*SLOTS, ANY_SLOT, NAME_SLOT]},
        text={"type": "string", "maxLength": max_chars},
        subclass=name_text(),
        flag={"type": "string"},
    )
    return object_of(**{REPLY_KEY: list_of(item, MAX_PHRASES, least=0)})


def published_verdicts(phrases: Sequence[tuple[str, str]]) -> list[str]:
    """For each (subclass, text) ``""`` or the reason why it is not even kept as published."""
    seen: set[str] = set()
    verdicts = []
    for subclass, text in phrases:
        verdict = ""
        if _is_hostile(text) or _is_hostile(subclass):
            verdict = "hostile"
        elif not words(text):
            verdict = "too_short"
        elif folded(text) in seen:
            verdict = "duplicate"
        else:
            seen.add(folded(text))
        verdicts.append(verdict)
    return verdicts


def _is_hostile(text: str) -> bool:
    return phrase_verdict(text) == "hostile"  # the first reason that is looked for
