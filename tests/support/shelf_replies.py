"""Replies about one class, a shelf, and what comes of them."""

import json
from typing import Any

from langseg.cache.records import Request
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.replies import ParsedReply, parse_reply
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt

SHELF = ClassEntry(name="shelf", id=1, synonyms=("street light", "rack"))


GOOD = [
    "long flat board", "brown grained surface", "two angle brackets", "rows of book spines",
    "thin pale edge", "fixed at eye level", "dark gaps between tiers", "as wide as a table",
]  # fmt: skip


def request(scene: str = "*", **counts: int) -> Request:
    vocabulary = Vocabulary(
        name="v", classes=(SHELF,), ignore_ids=(), scenes={"kitchen": ("shelf",)}
    )
    plan = describe_requests(vocabulary, some_prompt(**counts), "m", {})
    return next(one for one in plan if one.scene == scene)


ASKED = request()


def phrases(*texts: Any, slot: str = "shape") -> list[dict[str, Any]]:
    return [{"slot": slot, "text": text} for text in texts]


def subclass(name: str, *items: Any, parent: str = "shelf") -> dict[str, Any]:
    return {"name": name, "parent": parent, "descriptors": list(items)}


def reply(attributes: list[Any], subclasses: list[Any] | None = None) -> str:
    return json.dumps({"attributes": attributes, "subclasses": subclasses or []})


def parsed(attributes: list[Any] | None = None, subclasses: list[Any] | None = None) -> ParsedReply:
    return parse_reply(reply(attributes or phrases(*GOOD), subclasses), ASKED)


def rejections(answer: ParsedReply) -> list[tuple[str, str, str]]:
    texts = {text.text_id: text.text for text in answer.texts}
    return [(row.subclass, texts[row.text_id], row.rejected) for row in answer.rows]
