"""Fuzz the reader of replies: for N seconds, real replies changed at random, and what must hold.

``python tests/fuzz/fuzz_validate.py --seconds 180``; an escape is printed with the flags that
repeat it, and the exit code is 1.
"""

import copy
import json
import re
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from pathlib import Path
from random import Random
from typing import Any

from langseg.cache.keys import text_id
from langseg.cache.records import NAME_SLOT, SLOTS, TABLES, Request, to_table
from langseg.descriptors.openai_api.error_reply import ErrorReplyError
from langseg.descriptors.prompts.contrast import contrast_requests
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.plausible import plausible_requests
from langseg.descriptors.prompts.replies import PARSER_VERSION, REASONS, ParsedReply, parse_reply
from langseg.descriptors.prompts.template import class_data
from langseg.descriptors.providers.bundled import load_pack, pack_reply
from langseg.descriptors.providers.chat import read_reply
from langseg.descriptors.providers.completion import NotAReplyError
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

sys.path[:0] = [str(Path(__file__).parents[2])]  # as a program it is started from anywhere

from tests.fuzz.fuzz_command import run  # noqa: E402
from tests.fuzz.mutate import mutated_raw, mutated_text, mutated_tree  # noqa: E402
from tests.support.prompts import some_prompt  # noqa: E402

CPU_LIMIT_S = 3.0  # for one reply of at most 2 MiB; the usual one takes a thousandth
GROUP = 50  # replies of one seed


@dataclass(frozen=True)
class Seed:
    """A request and a good reply to it; ``words`` are those that a phrase must not hold."""

    request: Request
    reply: dict[str, Any]
    words: tuple[str, ...]


@dataclass
class Found:
    """What a run of the fuzzer tried."""

    replies: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    escapes: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        kinds = ", ".join(f"{count} {status}" for status, count in sorted(self.statuses.items()))
        dropped = ", ".join(f"{name} {count}" for name, count in self.reasons.most_common())
        return (
            f"{self.replies} replies in {self.seconds:.0f} s ({kinds}; phrases dropped of those: "
            f"{dropped}), the slowest {self.slowest_s:.2f} s of CPU, {len(self.escapes)} escapes"
        )


def seeds() -> list[Seed]:
    """One of each kind of request for each of some classes, with what the packs answer."""
    vocabulary = load_vocabulary("ade20k")
    pack = load_pack(package_files("langseg.descriptors").joinpath("packs", "ade20k.yaml"))
    odd = ClassEntry(name="wash-hand basin, sink", id=1, synonyms=("lavabo", "стена"))
    names = [entry.name for entry in vocabulary.classes]
    planned = list(describe_requests(vocabulary, some_prompt(n_per_subclass=2), "m", {}))
    found = []
    for request in planned[::9]:
        reply = json.loads(pack_reply(pack.entries[request.class_name.casefold()], request))
        found.append(Seed(request, reply, _words(request)))
    alone = Vocabulary(name="v", classes=(odd,), ignore_ids=(), scenes={})
    for request in describe_requests(alone, some_prompt(n_subclasses=0), "m", {}):
        attributes = found[0].reply["attributes"]
        found.append(Seed(request, {"attributes": attributes}, _words(request)))
    for request in contrast_requests(vocabulary, {"wall": ("door", "fence")}, "m", {}):
        rows = found[1].reply["attributes"][:4]
        items = [{"other": ("door", "fence")[n % 2], **row} for n, row in enumerate(rows)]
        found.append(Seed(request, {"differences": items}, (*_words(request), "door", "fence")))
    for request in plausible_requests(names[:40], ["kitchen"], "m", {}):
        found.append(Seed(request, {"classes": names[:20]}, tuple(names[:40])))
    return found


def _words(request: Request) -> tuple[str, ...]:
    data = class_data(request.messages_json)
    return (data["name"], *data["synonyms"])


def one_reply(seed: Seed, chance: Random, others: Sequence[str]) -> str:
    """A reply to a seed's request, changed as a tree, as a text, or both."""
    tree, words = seed.reply, (*seed.words, "smell", "und mit der", "attributes", "slot", "text")
    tree = mutated_tree(tree, chance, words) if chance.random() < 0.7 else copy.deepcopy(tree)
    if chance.random() < 0.5:  # most phrases stay good, so that the reply is looked at in full
        rows = next(iter(tree.values()), None) if isinstance(tree, dict) else None
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and isinstance(row.get("text"), str) and chance.random() < 0.2:
                row["text"] = mutated_text(row["text"], chance, words)
    raw = json.dumps(tree, ensure_ascii=chance.random() < 0.5)
    return mutated_raw(raw, chance, others) if chance.random() < 0.3 else raw


def check(raw: str, seed: Seed) -> tuple[ParsedReply, float]:
    """Parse, and assert what holds for every reply there is. Returns: CPU seconds as well."""
    began = time.process_time()
    answer = parse_reply(raw, seed.request)
    spent = time.process_time() - began
    assert spent < CPU_LIMIT_S, f"{spent:.1f} s of CPU"
    assert answer.status in ("ok", "invalid")
    assert parse_reply(raw, seed.request) == answer, "not a pure function"
    if answer.status == "invalid":
        assert not answer.rows, "a partial list"
        assert not answer.texts
        assert 0 < len(answer.error) <= 1000
        assert answer.error.isprintable()
        return answer, spent
    assert answer.error == ""
    _check_rows(answer, seed)
    _check_again(answer, seed)
    if raw.startswith("{") and "<" not in raw and len(raw) < 2**19:
        around = parse_reply(f"Here it is:\n{raw}\nIs it right?<|im_end|>", seed.request)
        assert around == answer, "not the same with words around it"
    return answer, spent


def _check_rows(answer: ParsedReply, seed: Seed) -> None:
    asked = json.loads(seed.request.schema_json)["properties"]
    texts = {text.text_id: text.text for text in answer.texts}
    accepted = [(row, texts[row.text_id]) for row in answer.rows if not row.rejected]
    lists = [asked[key] for key in ("attributes", "differences") if key in asked]
    own = [row for row, _ in accepted if not row.subclass]
    assert all(len(own) * 2 >= one["minItems"] for one in lists), "less than half"
    assert all(len(own) <= one["maxItems"] for one in lists), "more than were asked for"
    assert len(answer.rows) <= 200
    assert [row.rank for row in answer.rows] == list(range(len(answer.rows)))
    assert {row.rejected for row in answer.rows} <= {"", *REASONS}
    assert {row.parser_version for row in answer.rows} <= {PARSER_VERSION}
    assert {row.request_key for row in answer.rows} <= {seed.request.request_key}
    assert len({row.descriptor_id for row in answer.rows}) == len(answer.rows)
    assert {row.text_id for row in answer.rows} == set(texts)
    assert all(key == text_id(text) for key, text in texts.items())
    assert all(len(text) <= 2000 and text.isprintable() for text in texts.values()), "a text"
    assert all(row.subclass.isprintable() for row in answer.rows), "a subclass"
    slots = "".join(row.slot for row in answer.rows)  # a rejected one may hold an odd space
    assert all(c.isprintable() or unicodedata.category(c) == "Zs" for c in slots), "a slot"
    folded = [_folded(text) for _, text in accepted]
    assert len(set(folded)) == len(folded), "two phrases that say the same"
    for row, text in accepted:
        assert text == unicodedata.normalize("NFC", text).strip()
        assert text[0] not in "=+@-*\t", "a cell that a spreadsheet runs"
        assert not re.search(r"[\[\]{}|\\`^]|[<>](?!\s*\d)|&#|\*\*|://|www\.", text), "markup"
        assert not any(unicodedata.category(char)[0] == "C" for char in text), "a control character"
        if row.slot == NAME_SLOT:
            assert text == row.subclass
            assert len(text) <= 64
            assert _folded(text) != _folded(seed.request.class_name)
        else:
            assert row.slot in SLOTS
            assert len(text) <= 80
            assert len(re.findall(r"[^\W_]+", _folded(text))) >= 2
            assert len(text.split()) <= 12
            for name in seed.words:
                pattern = rf"\b{re.escape(_folded(name))}s?\b"
                assert not re.search(pattern, _folded(text)), f"it names {name!r}"
    for name, rows in (("descriptors", answer.rows), ("texts", answer.texts)):
        assert to_table(TABLES[name], rows).num_rows == len(rows)


def _check_again(answer: ParsedReply, seed: Seed) -> None:
    """What was kept, said again, is kept again as it is."""
    texts = {text.text_id: text.text for text in answer.texts}
    accepted = [r for r in answer.rows if not r.rejected and not r.subclass]
    if not accepted or "attributes" not in seed.reply:
        return
    rows = [{"slot": row.slot, "text": texts[row.text_id]} for row in accepted]
    again = parse_reply(
        json.dumps({**seed.reply, "attributes": rows, "subclasses": []}), seed.request
    )
    if "not_english" in again.error:  # that is judged of a reply as a whole
        return
    assert [row.text_id for row in again.rows] == [row.text_id for row in accepted], (
        "not idempotent"
    )
    assert not any(row.rejected for row in again.rows)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def check_body(body: str, seed: Seed) -> None:
    """A whole body from a server is a reply, or none; and its text is one like any other."""
    try:
        reply = read_reply(body)
    except (ErrorReplyError, NotAReplyError):
        return
    assert reply.status in ("ok", "refused", "truncated", "empty")
    assert bool(reply.note) == (reply.status != "ok")
    check(reply.raw_text, seed)


def fuzz(seconds: float, first_seed: int, at_most: int | None = None) -> Found:
    """Try until the time or the number is used up, or a reply escapes."""
    corpus, found, started = seeds(), Found(), time.monotonic()
    others = [json.dumps(seed.reply) for seed in corpus]
    number = first_seed
    while not found.escapes and time.monotonic() - started < seconds:
        if at_most is not None and found.replies >= at_most:
            break
        chance = Random(number)
        for _ in range(GROUP):
            seed = chance.choice(corpus)
            raw = one_reply(seed, chance, others)
            try:
                answer, spent = check(raw, seed)
                if chance.random() < 0.1:
                    body = {"choices": [{"message": {"content": raw}, "finish_reason": "stop"}]}
                    tree = mutated_tree(body, chance, ("content", "refusal"))
                    check_body(mutated_raw(json.dumps(tree), chance, others), seed)
            except Exception as exc:
                found.escapes.append(
                    f"--seed {number}: {type(exc).__name__}: {exc}; class "
                    f"{seed.request.class_name!r}, scene {seed.request.scene!r}, {raw[:2000]!r}"
                )
                break
            found.replies += 1
            found.slowest_s = max(found.slowest_s, spent)
            found.statuses[answer.status] += 1
            found.reasons.update(row.rejected for row in answer.rows if row.rejected)
        number += 1
    found.seconds = time.monotonic() - started
    return found


if __name__ == "__main__":
    run(fuzz, __doc__, seconds=180.0)
