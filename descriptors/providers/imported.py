"""Answer requests from a file of descriptors that somebody else wrote: no LLM is called.

In:  a file's phrases and a vocabulary.
Out: requests for the classes the file describes, and their replies, which then take the way of
     every other reply: checked, journalled, committed, each rejected phrase kept with its reason.

By default an import passes the same checks as an LLM's reply, in the same format. A published set
may be lost to them: nearly all of CuPL's sentences name their class. ``as_published`` keeps the
set as it is (``prompts.imported``), for comparisons: the whole set then says so, in its model
id and its schema, and each phrase carries, in the stored reply, the reason the checks would have
dropped it for. The two are two sets of one file, and both may be in one store.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langseg.cache.errors import InputError
from langseg.cache.keys import normalise_text
from langseg.cache.records import ANY_SLOT, MODEL_PREFIX, NAME_SLOT, SLOTS, Request
from langseg.descriptors.exchange.imported_file import ForeignPhrase, ForeignSet
from langseg.descriptors.exchange.match import match_classes, some
from langseg.descriptors.prompts.imported import MAX_PHRASES, REPLY_KEY, imported_requests
from langseg.descriptors.prompts.plan import Plan
from langseg.descriptors.prompts.replies import ParsedReply, parse_reply
from langseg.descriptors.prompts.template import class_data
from langseg.descriptors.providers.offline import OfflineProvider
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

AS_PUBLISHED = ":as-published"


@dataclass(frozen=True)
class _Item:
    """One text of a reply, in the order in which the reply's rows come."""

    text: str
    slot: str
    subclass: str

    @property
    def is_name(self) -> bool:
        """Whether it is a subclass's own name, which the file need not have as a phrase."""
        return self.slot == NAME_SLOT and self.text == self.subclass != ""


@dataclass(frozen=True)
class ImportVerdict:
    """What the checks say of one phrase. ``flag`` is the reason against it, ``rejected`` is that
    reason if it was dropped for it."""

    class_name: str
    flag: str
    rejected: str


class ImportProvider(OfflineProvider):
    """Looks classes up in a file's phrases.

    ``plan`` has a request for each class, and each class in a scene, that the file describes;
    ``verdicts`` has one entry for each of their phrases, which names of ``subclasses``, counted
    apart, are not; ``match`` what found no place.
    Raises: InputError, when nothing fits the vocabulary, and for a class with too many phrases.
    """

    name = "import"
    note = "no LLM was called: these descriptors were imported"

    def __init__(
        self,
        foreign: ForeignSet,
        vocabulary: Vocabulary,
        *,
        name: str = "",
        as_published: bool = False,
    ) -> None:
        self.match = match_classes(foreign, vocabulary)
        self.model = model_id(name or foreign.file.rpartition(".")[0], as_published)
        self.params = {
            "file_sha256": foreign.sha256,
            "classes_sha256": vocabulary.classes_sha256,
        }
        self.verdicts: list[ImportVerdict] = []
        self.subclasses = 0
        self.served_model = _served_model(foreign)
        self._replies: dict[str, str] = {}
        self._requests: list[Request] = []
        lists = {pair: _items(phrases) for pair, phrases in self.match.lists.items()}
        to_check, to_publish = (
            imported_requests(lists, vocabulary, self.model, self.params, as_published=published)
            for published in (False, True)
        )
        triples = zip(lists.items(), to_check, to_publish, strict=True)
        for (pair, items), check_request, publish_request in triples:
            where = f"{foreign.file}: class {pair[0]!r}"
            if len(items) > MAX_PHRASES:
                raise InputError(
                    f"{where}: wanted at most {MAX_PHRASES} phrases in one scene, subclasses "
                    f"counted, got {len(items)}; keep the best of them (a second file under the "
                    "same name would replace the first, not add to it)"
                )
            # a set that is kept as published is checked all the same: the checks say what they
            # would have dropped, and its reply carries that beside each phrase
            told = class_data(check_request.messages_json)["name"]
            request, reply = check_request, _checked_reply(told, items)
            checked = stored = _parsed(reply, request, where)
            if as_published:
                flags = [row.rejected for row in checked.rows]
                request, reply = publish_request, _published_reply(items, flags)
                stored = _parsed(reply, request, where)
            self.subclasses += sum(item.is_name for item in items)
            self._requests.append(request)
            self._replies[request.request_key] = reply
            self.verdicts += [
                ImportVerdict(pair[0], flagged.rejected, row.rejected)
                for item, flagged, row in zip(items, checked.rows, stored.rows, strict=True)
                if not item.is_name
            ]

    @property
    def plan(self) -> Plan:
        """The requests that the file answers."""
        return Plan(lambda: iter(self._requests), len(self._requests))

    def reply(self, request: Request) -> str:
        """The file's reply to a request."""
        return self._replies[request.request_key]


def model_id(name: str, as_published: bool) -> str:
    """What ``--model`` takes to name an imported set: ``import:cupl``, of letters, digits, ``._-``
    only, with a suffix where it is kept as published."""
    bare = name.removeprefix(MODEL_PREFIX).removesuffix(AS_PUBLISHED)
    plain = re.sub(r"[^\w.-]+", "-", normalise_text(bare))[:64].strip("-.")
    return f"{MODEL_PREFIX}{plain or 'set'}{AS_PUBLISHED if as_published else ''}"


def _served_model(foreign: ForeignSet) -> str:
    sources = some(dict.fromkeys(p.source for p in foreign.phrases if p.source))
    origin = f"; its rows name the source {sources}" if sources else ""
    return f"file {foreign.file} ({foreign.form}): imported, no LLM was called{origin}"


def _items(phrases: Sequence[ForeignPhrase]) -> list[_Item]:
    """Phrases about the class first, then each subclass: its name, then its phrases."""
    by_subclass: dict[str, list[_Item]] = {"": []}
    for phrase in phrases:
        item = _Item(phrase.text, phrase.slot, phrase.subclass)
        own = by_subclass.setdefault(phrase.subclass, [])
        if phrase.subclass and not own:
            own.append(_Item(phrase.subclass, NAME_SLOT, phrase.subclass))
        if not _names_subclass(item):
            own.append(item)
    return [item for own in by_subclass.values() for item in own]


def _names_subclass(item: _Item) -> bool:
    return item.slot == NAME_SLOT and normalise_text(item.text) == item.subclass != ""


def _checked_reply(told_name: str, items: Sequence[_Item]) -> str:
    attributes: list[Any] = []
    subclasses: dict[str, list[Any]] = {}
    for item in items:
        if item.is_name:
            subclasses[item.subclass] = []
        else:
            own = subclasses[item.subclass] if item.subclass else attributes
            own.append({"slot": item.slot, "text": item.text})
    named = [
        {"name": name, "parent": told_name, "descriptors": own} for name, own in subclasses.items()
    ]
    return _dumped({"attributes": attributes, "subclasses": named})


def _published_reply(items: Sequence[_Item], flags: Sequence[str]) -> str:
    """The file's own slot stays where it is one of ours."""
    known = (*SLOTS, ANY_SLOT)
    return _dumped(
        {
            REPLY_KEY: [
                {
                    "slot": item.slot if item.is_name or item.slot in known else ANY_SLOT,
                    "text": item.text,
                    "subclass": item.subclass,
                    "flag": flag,
                }
                for item, flag in zip(items, flags, strict=True)
            ]
        }
    )


def _dumped(reply: Mapping[str, Any]) -> str:
    """A lone surrogate stays an escape of JSON: it is no character that UTF-8 can hold."""
    text = json.dumps(reply, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def _parsed(reply: str, request: Request, where: str) -> ParsedReply:
    parsed = parse_reply(reply, request)
    if parsed.status != "ok":
        raise InputError(
            f"{where}: wanted phrases that fit into one answer, got a list that is {parsed.error}; "
            "keep fewer or shorter ones"
        )
    return parsed


def reason_counts(verdicts: Iterable[ImportVerdict], *, flags: bool = False) -> dict[str, int]:
    """How many phrases each reason dropped, or would have dropped, commonest first."""
    found = Counter(one.flag if flags else one.rejected for one in verdicts)
    del found[""]
    return dict(found.most_common())
