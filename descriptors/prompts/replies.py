"""Turn one reply into descriptors, with one named reason for each phrase dropped.

In:  the raw text of a reply, whatever it is, and the request it answers.
Out: descriptor rows and texts for the store; or status ``invalid`` and why.

The text is hostile until checked: a schema that was asked for is not a schema that was kept,
and what passes here is embedded, shown in terminals and opened in spreadsheets.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from langseg.cache.keys import normalise_text, sha256_hex, text_id
from langseg.cache.records import Descriptor, Request, Text
from langseg.descriptors.phrases.characters import printable
from langseg.descriptors.phrases.language import is_other_language, is_other_script
from langseg.descriptors.phrases.names import NameFinder
from langseg.descriptors.phrases.rules import cleaned, folded, phrase_verdict
from langseg.descriptors.phrases.spoken import NAME_CHARS
from langseg.descriptors.prompts import contrast, describe, imported, plausible
from langseg.descriptors.prompts.candidates import Candidate
from langseg.descriptors.prompts.json_reply import reply_object
from langseg.descriptors.prompts.template import class_data, messages_of

PARSER_VERSION = 4
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


def parse_reply(raw_text: str, request: Request) -> ParsedReply:
    """Parse a complete reply. Never raises, whatever the text is.

    What kind of reply it must be is in the request's schema; a module for each kind takes it
    apart. A reply with fewer accepted phrases about the class itself than half of those asked for
    is ``invalid``; items beyond the count asked for are not looked at. Rows hold rejected phrases
    too, made printable. Which classes are plausible in a scene is no phrase: such a reply has no
    rows. Phrases must be English where the system message says so, as in all that ship; a
    person's own may ask for another language.
    """
    asked = _asked(request.schema_json)
    try:
        reply = reply_object(raw_text)
        if plausible.REPLY_KEY in asked:
            plausible.plausible_classes(reply, request.messages_json)
            return ParsedReply(status="ok")
        if imported.REPLY_KEY in asked:
            phrases = imported.published(reply, asked)
            verdicts = imported.published_verdicts(phrases)
            return _rows(phrases, verdicts, request, spelling=normalise_text)
        data = class_data(request.messages_json)
        names = [request.class_name, data["name"], *data["synonyms"]]
        english = "English" in messages_of(request.messages_json)[0]["content"]
        if contrast.REPLY_KEY in asked:
            kind = contrast.REPLY_KEY
            look_alikes = contrast.asked_look_alikes(request.messages_json)
            phrases = contrast.contrasting_phrases(reply, asked, look_alikes)
            names += look_alikes
        else:
            kind = describe.REPLY_KEY
            phrases = describe.described(reply, asked, data["name"], english)
    except ValueError as exc:
        return ParsedReply(status="invalid", error=printable(f"not the JSON asked for: {exc}"))
    wanted = asked[kind]["minItems"]
    slots: list[str] = asked[kind]["items"]["properties"]["slot"]["enum"]  # an import's: one more
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


def _verdicts(
    phrases: Sequence[Candidate], finder: NameFinder, english: bool, slots: Collection[str]
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
    phrase: Candidate, foreign: bool, slots: Collection[str], *forbidden: NameFinder
) -> str:
    if phrase.is_name:
        return ""
    if phrase.slot not in slots:
        return "wrong_slot"
    verdict = phrase_verdict(phrase.text, *forbidden)
    return "not_english" if foreign and verdict != "hostile" else verdict


def _rows(
    phrases: Sequence[Candidate],
    verdicts: Sequence[str],
    request: Request,
    spelling: Callable[[str], str] = cleaned,
) -> ParsedReply:
    rows: list[Descriptor] = []
    texts: dict[str, Text] = {}
    for rank, (phrase, verdict) in enumerate(zip(phrases, verdicts, strict=True)):
        text = normalise_text(printable(phrase.text)) if verdict else spelling(phrase.text)
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
