"""Turn one reply into descriptors, with one named reason for each phrase dropped.

In:  the raw text of a reply, whatever it is, and the request it answers.
Out: descriptor rows and texts for the store; or status ``invalid`` and why.

The text is hostile until checked: a schema that was asked for is not a schema that was kept,
and what passes here is embedded, shown in terminals and opened in spreadsheets.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from langseg.cache.keys import normalise_text, sha256_hex, text_id
from langseg.cache.records import NAME_SLOT, Descriptor, Request, Text
from langseg.descriptors.phrases.characters import printable
from langseg.descriptors.phrases.language import is_other_language, is_other_script
from langseg.descriptors.phrases.names import NameFinder
from langseg.descriptors.phrases.rules import (
    NAME_CHARS,
    cleaned,
    folded,
    phrase_verdict,
    subclass_verdict,
)
from langseg.descriptors.prompts import contrast, plausible
from langseg.descriptors.prompts import imported as published
from langseg.descriptors.prompts.json_reply import reply_object
from langseg.descriptors.prompts.prompt import class_data
from langseg.descriptors.prompts.template import messages_of

PARSER_VERSION = 3
REASONS = (
    "hostile", "not_english", "too_short", "too_long", "names_class", "not_visual", "duplicate",
    "wrong_slot", "wrong_parent", "wrong_other",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ParsedReply:
    """``status`` is ``ok``, or ``invalid`` with the reason in ``error`` and no rows."""

    status: str
    rows: tuple[Descriptor, ...] = ()
    texts: tuple[Text, ...] = ()
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class _Phrase:
    """One text of a reply on its way through the checks."""

    text: str
    slot: str
    subclass: str
    doomed: str = ""  # a reason that holds before the text is looked at
    is_name: bool = False  # the subclass's own name, judged before it could own phrases


def parse_reply(raw_text: str, request: Request) -> ParsedReply:
    """Parse a complete reply. Never raises, whatever the text is.

    What kind of reply it must be is in the request's schema. A reply with fewer accepted phrases
    about the class itself than half of those asked for is ``invalid``; items beyond the count
    asked for are not looked at. Rows hold rejected phrases too, made printable. Which classes
    are plausible in a scene is no phrase: such a reply has no rows. Phrases must be English where
    the system message says so, as in all that ship; a person's own may ask for another language.
    """
    asked = _asked(request.schema_json)
    try:
        reply = reply_object(raw_text)
        if plausible.REPLY_KEY in asked:
            plausible.plausible_classes(reply, request.messages_json)
            return ParsedReply(status="ok")
        if published.REPLY_KEY in asked:
            return _as_published(_items(reply, published.REPLY_KEY, asked), request)
        data = class_data(request.messages_json)
        names = [data["name"], *data["synonyms"]]
        english = "English" in messages_of(request.messages_json)[0]["content"]
        kind = contrast.REPLY_KEY if contrast.REPLY_KEY in asked else "attributes"
        wanted, slots = asked[kind]["minItems"], _asked_slots(asked[kind])
        if kind == contrast.REPLY_KEY:
            others = contrast.asked_look_alikes(request.messages_json)
            phrases = list(_differences(_items(reply, kind, asked), others))
            names += others
        else:
            phrases = list(_phrases(_items(reply, kind, asked), subclass=""))
            items = _items(reply, "subclasses", asked)
            english_names = english and not is_other_script(data["name"])
            phrases += _subclass_phrases(items, asked, data["name"], english_names)
    except (ValueError, RecursionError) as exc:
        return ParsedReply(status="invalid", error=printable(f"not the JSON asked for: {exc}"))
    verdicts = _verdicts(phrases, NameFinder(names), english, slots)
    accepted = sum(not v for p, v in zip(phrases, verdicts, strict=True) if not p.subclass)
    if accepted * 2 < wanted:
        dropped = Counter(v for v in verdicts if v)
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
        return ParsedReply(
            status="invalid",
            error=f"{accepted} of {wanted} phrases accepted; dropped: {reasons or 'none'}",
        )
    return _rows(phrases, verdicts, request)


def _as_published(items: Sequence[Any], request: Request) -> ParsedReply:
    """Phrases of a file that are kept with their spelling, whatever the usual checks say."""
    phrases = [p for i in items for p in _phrases([i], subclass=_field(i, "subclass") or "")]
    verdicts = published.published_verdicts([(p.subclass, p.text) for p in phrases])
    return _rows(phrases, verdicts, request, kept=normalise_text)


def _asked_slots(asked: Mapping[str, Any]) -> Collection[str]:
    """What a list's schema has as slots: an import's has one more."""
    slots: list[str] = asked["items"]["properties"]["slot"]["enum"]
    return slots


def _items(holder: Mapping[str, Any], key: str, asked: Mapping[str, Any]) -> list[Any]:
    """The list under ``key``, as long as was asked for at most."""
    if key not in asked:
        return []
    found = holder.get(key)
    if not isinstance(found, list):
        raise ValueError(f"no list {key!r}")
    return found[: asked[key]["maxItems"]]


def _phrases(items: Sequence[Any], subclass: str, doomed: str = "") -> Iterator[_Phrase]:
    """Items that are no objects with two texts are no phrases, and drop out unnamed."""
    for item in items:
        slot, text = _field(item, "slot"), _field(item, "text")
        if slot is not None and text is not None:
            yield _Phrase(text=text, slot=slot, subclass=subclass, doomed=doomed)


def _differences(items: Sequence[Any], others: Sequence[str]) -> Iterator[_Phrase]:
    """Phrases of a reply about look-alikes; one about a class that was not asked for is none."""
    known = {other.casefold() for other in others}
    for item in items:
        other = _field(item, "other")
        stray = other is None or normalise_text(other).casefold() not in known
        yield from _phrases([item], subclass="", doomed="wrong_other" if stray else "")


def _subclass_phrases(
    items: Sequence[Any], asked: Mapping[str, Any], class_name: str, english: bool
) -> Iterator[_Phrase]:
    """For each subclass its name, in slot ``name``, then its phrases, which share its fate."""
    own_name = NameFinder([class_name])
    seen: set[str] = set()
    for item in items:
        name, parent = _field(item, "name"), _field(item, "parent")
        if name is None or parent is None or not isinstance(item.get("descriptors"), list):
            continue
        doomed = subclass_verdict(name, own_name)
        if english and doomed != "hostile" and is_other_script(name):
            doomed = "not_english"
        if normalise_text(parent).casefold() != class_name.casefold():
            doomed = "wrong_parent"
        elif folded(name) in seen:
            doomed = "duplicate"
        if not doomed:
            seen.add(folded(name))
        subclass = printable(cleaned(name), NAME_CHARS)
        yield _Phrase(text=name, slot=NAME_SLOT, subclass=subclass, doomed=doomed, is_name=True)
        count = asked["subclasses"]["items"]["properties"]["descriptors"]["maxItems"]
        yield from _phrases(item["descriptors"][:count], subclass, doomed)


def _field(item: Any, key: str) -> str | None:
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) else None


def _verdicts(
    phrases: Sequence[_Phrase], finder: NameFinder, english: bool, slots: Collection[str]
) -> list[str]:
    """For each phrase ``""`` or the first reason against it; accepted texts are all different."""
    wrong_language = english and is_other_language(p.text for p in phrases if not p.is_name)
    seen: set[str] = set()
    verdicts = []
    own = {name: NameFinder([name]) for name in {p.subclass for p in phrases} - {""}}
    for phrase in phrases:
        also = [own[phrase.subclass]] if phrase.subclass else []
        foreign = english and (wrong_language or is_other_script(phrase.text))
        verdict = phrase.doomed or _text_verdict(phrase, foreign, slots, finder, *also)
        if not verdict and folded(phrase.text) in seen:
            verdict = "duplicate"
        if not verdict:
            seen.add(folded(phrase.text))
        verdicts.append(verdict)
    return verdicts


def _text_verdict(
    phrase: _Phrase, foreign: bool, slots: Collection[str], *forbidden: NameFinder
) -> str:
    if phrase.is_name:
        return ""
    if phrase.slot not in slots:
        return "wrong_slot"
    verdict = phrase_verdict(phrase.text, *forbidden)
    return "not_english" if foreign and verdict != "hostile" else verdict


def _rows(
    phrases: Sequence[_Phrase],
    verdicts: Sequence[str],
    request: Request,
    kept: Callable[[str], str] = cleaned,
) -> ParsedReply:
    rows: list[Descriptor] = []
    texts: dict[str, Text] = {}
    for rank, (phrase, verdict) in enumerate(zip(phrases, verdicts, strict=True)):
        text = normalise_text(printable(phrase.text)) if verdict else kept(phrase.text)
        key = text_id(text)
        texts.setdefault(key, Text(text_id=key, text=text, n_chars=len(text)))
        rows.append(
            Descriptor(
                descriptor_id=sha256_hex(f"{request.request_key}:{PARSER_VERSION}:{rank}"),
                request_key=request.request_key,
                text_id=key,
                class_name=request.class_name,
                scene=request.scene,
                subclass=printable(phrase.subclass, NAME_CHARS),
                slot=printable(phrase.slot, 20),
                rank=rank,
                rejected=verdict,
                parser_version=PARSER_VERSION,
            )
        )
    return ParsedReply(status="ok", rows=tuple(rows), texts=tuple(texts.values()))


@lru_cache(maxsize=64)
def _asked(schema_json: str) -> Mapping[str, Any]:
    """The properties of a schema, of which a run has few."""
    properties: Mapping[str, Any] = json.loads(schema_json)["properties"]
    return properties
