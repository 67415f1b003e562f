"""Ask for a set that somebody else wrote as if a model were asked, and take the reply apart.

In:  the classes and scenes that a file describes; later a reply that holds its phrases.
Out: a request for each; of a set kept as published, the phrases of a reply with their verdicts.

CuPL's sentences name their class and are 14 to 19 words long, so the checks drop nearly all of
them; what a published set is worth can be told only with the set as it is. There a reply holds
each phrase with the reason the checks would drop it for, and the phrases keep their spelling,
full stops included. Dropped all the same: what is hostile, what has no word in it, and a text
that is there twice (no set is worth more for it: a class has each text once).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from langseg.cache.keys import RequestKeys, canonical_json
from langseg.cache.records import ANY_SLOT, NAME_SLOT, SLOTS, Request
from langseg.descriptors.phrases.names import words
from langseg.descriptors.phrases.rules import PHRASE_CHARS, folded, phrase_verdict
from langseg.descriptors.prompts.candidates import Candidate, asked_items, candidates, text_field
from langseg.descriptors.prompts.json_reply import list_of, name_text, object_of
from langseg.descriptors.prompts.template import CLASS_MARK, closing, shipped_template
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

IMPORT_PROMPT = "import_v1"
REPLY_KEY = "published"  # what tells a reply that is kept as published from the others
MAX_PHRASES = 5000  # of one class in one scene; LaBo has 805 at most
MAX_TEXT_CHARS = 1000  # the longest of CuPL have 300, of MPVR 600


def imported_requests(
    pairs: Iterable[tuple[str, str]],
    vocabulary: Vocabulary,
    model: str,
    params: Mapping[str, Any],
    *,
    as_published: bool,
) -> Iterator[Request]:
    """One request for each (class name, scene); one schema for all, so that no class changes
    another's key."""
    template = shipped_template(IMPORT_PROMPT)
    schema = _published_schema() if as_published else _checked_schema()
    endings = {e.name: closing({CLASS_MARK: e.prompt_data}) for e in vocabulary.classes}
    senses = {entry.name: entry.sense for entry in vocabulary.classes}
    for class_name, scene in pairs:
        opening = template.opening({"scene": scene, "as_published": as_published})
        keys = RequestKeys(model=model, params=params, schema=schema, opening=opening)
        yield Request(
            request_key=keys.key(endings[class_name], 0),
            class_name=class_name,
            sense=senses[class_name],
            scene=scene,
            sample_index=0,
            model=model,
            prompt_id=template.prompt_id,
            params_json=canonical_json(params),
            messages_json=opening + endings[class_name],
            schema_json=canonical_json(schema),
        )


def published(reply: Mapping[str, Any], asked: Mapping[str, Any]) -> list[Candidate]:
    """The phrases of a file, in its order. Raises: ValueError, for a reply without a list."""
    items = asked_items(reply, REPLY_KEY, asked)
    return [p for i in items for p in candidates([i], subclass=text_field(i, "subclass") or "")]


def published_verdicts(phrases: Sequence[Candidate]) -> list[str]:
    """For each phrase ``""`` or the reason why it is not even kept as published."""
    seen: set[str] = set()
    verdicts = []
    for phrase in phrases:
        verdict = ""
        if _is_hostile(phrase.text) or _is_hostile(phrase.subclass):
            verdict = "hostile"
        elif not words(phrase.text):
            verdict = "too_short"
        elif folded(phrase.text) in seen:
            verdict = "duplicate"
        else:
            seen.add(folded(phrase.text))
        verdicts.append(verdict)
    return verdicts


def _is_hostile(text: str) -> bool:
    return phrase_verdict(text) == "hostile"  # the first reason that is looked for


def _checked_schema() -> dict[str, Any]:
    """As a model is asked (``describe``), with any number of items and one more slot."""
    item = object_of(
        slot={"type": "string", "enum": [*SLOTS, ANY_SLOT]},
        text={"type": "string", "maxLength": PHRASE_CHARS},
    )
    phrases = list_of(item, MAX_PHRASES, least=0)
    subclass = object_of(name=name_text(), parent=name_text(), descriptors=phrases)
    return object_of(attributes=phrases, subclasses=list_of(subclass, MAX_PHRASES, least=0))


def _published_schema() -> dict[str, Any]:
    """Schema of a reply: a flat list, in which ``flag`` is "" or the reason that would drop it."""
    item = object_of(
        slot={"type": "string", "enum": [*SLOTS, ANY_SLOT, NAME_SLOT]},
        text={"type": "string", "maxLength": MAX_TEXT_CHARS},
        subclass=name_text(),
        flag={"type": "string"},
    )
    return object_of(**{REPLY_KEY: list_of(item, MAX_PHRASES, least=0)})
