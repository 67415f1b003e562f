"""Change JSON trees, texts and bytes at random, towards what is likely to hurt a parser."""

import copy
import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

NASTY_TEXTS = (
    "", " ", "\x00", "\ufeff", "\u202e", "\u2066", "\u200b", "\u3164", "\u00ad", "\x1b[2J",
    "\x9b2J", "\x1b]0;x\x07", "\r", "\u2028", "\ud800", "\udfff", "\U0010ffff", "\ufdfa" * 20,
    "e" + "\u0301" * 90, "ﬁ", "ſ", "İ", "ß", "ı", "K", "Ⅷ", "½", "①", "ａ", "а", "ο", "漢字", "ל",
    "ع", "🪑", "👩‍🔧", "%s", "{0}", "{{x}}", "=1+1", "@x", "+x", "-x", "'; --", "../..", "CON",
    "<b>", "&lt;", "[red]", "|", "https://x.org", "www.x.org", "null", "NaN", "...", "--", "—",
    "“”", "\\", "\\u0000", '"', "```",
    "<think>", "</think>", "<|im_end|>", "{", '{"', "}",
)  # fmt: skip
NASTY_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**30, 1.5, 1e308, float("nan"), float("inf"), [], {}, [[]], [None],
    {"": None}, "attributes", ["text"], {"slot": "shape"}, {"slot": "shape", "text": None},
)  # fmt: skip
Path = tuple[Any, ...]
Change = Callable[[Random, str], str]


def mutated_tree(tree: Any, chance: Random, words: Sequence[str]) -> Any:
    """A copy of a JSON tree with one to five changes; ``words`` are those to slip in."""
    tree = json.loads(json.dumps(tree))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        holders = list(_holders(tree))
        if not holders:
            return tree
        _change_one(chance.choice(holders), chance, words)
    return tree


def _holders(tree: Any) -> list[Any]:
    """Every list and object in a tree that is not empty, without recursion."""
    found, left = [], [tree]
    while left:
        node = left.pop()
        inner = node.values() if isinstance(node, dict) else node
        if isinstance(node, (dict, list)) and node:
            found.append(node)
            left.extend(inner)
    return found


def _change_one(holder: Any, chance: Random, words: Sequence[str]) -> None:
    place = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    what = chance.randrange(9)
    if what == 0:
        del holder[place]
    elif what == 1:
        holder[place] = copy.deepcopy(chance.choice(NASTY_VALUES))
    elif what == 2:
        holder[place] = [holder[place]] * chance.choice((1, 2, 50))
    elif what == 3 and isinstance(holder, list):
        holder.extend(holder * chance.choice((1, 3, 20)) if len(holder) < 200 else ())
    elif what == 3:
        holder[chance.choice(NASTY_TEXTS)] = holder.pop(place)
    elif what == 4 and isinstance(holder, list):
        chance.shuffle(holder)
    elif what == 4:
        holder[chance.choice(words)] = holder[place]
    elif isinstance(holder[place], str):
        holder[place] = mutated_text(holder[place], chance, words)


def mutated_text(text: str, chance: Random, words: Sequence[str]) -> str:
    """A text with one to three changes."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        text = chance.choice(_TEXT_CHANGES)(chance, text, words)[:5000]
    return text


def _insert(chance: Random, text: str, words: Sequence[str]) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(NASTY_TEXTS) + text[at:]


def _say_a_word(chance: Random, text: str, words: Sequence[str]) -> str:
    word = chance.choice(words)
    word += chance.choice(("", "", "s", "es", "'s", "-like", "."))
    parts = text.split(" ")
    parts.insert(chance.randrange(len(parts) + 1), word)
    return chance.choice((" ", " ", "-", "  ", "")).join(parts)


def _any_character(chance: Random, text: str, words: Sequence[str]) -> str:
    at = chance.randrange(len(text) + 1)
    return (
        text[:at]
        + chr(chance.choice((chance.randrange(0x300), chance.randrange(0x110000))))
        + text[at:]
    )


def _respell(chance: Random, text: str, words: Sequence[str]) -> str:
    forms = ("NFC", "NFD", "NFKC", "NFKD")
    ways: tuple[Callable[[str], str], ...] = (
        str.upper, str.title, str.swapcase,
        lambda text: unicodedata.normalize(chance.choice(forms), text),  # type: ignore[arg-type]
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
        lambda text: text.replace("e", "е").replace("o", "о").replace("a", "а"),
    )  # fmt: skip
    return chance.choice(ways)(text)


def _cut_or_repeat(chance: Random, text: str, words: Sequence[str]) -> str:
    at = chance.randrange(len(text) + 1)
    return chance.choice((text[:at], text[at:], text * 2, text * 30, text[::-1]))


_TEXT_CHANGES = (
    _insert,
    _insert,
    _say_a_word,
    _say_a_word,
    _any_character,
    _respell,
    _cut_or_repeat,
)


def mutated_raw(raw: str, chance: Random, others: Sequence[str]) -> str:
    """Changes of the text of a reply that no JSON writer would make; at most 2 MiB long."""
    at = chance.randrange(len(raw) + 1)
    end = min(len(raw), at + chance.choice((1, 1, 2, 10, 1000)))
    ways: tuple[Callable[[], str], ...] = (
        lambda: raw[:at],
        lambda: raw[:at] + raw[end:],
        lambda: raw[:at] + chance.choice(NASTY_TEXTS) + raw[end:],
        lambda: raw[:at] + raw[at:end] * chance.choice((2, 100)) + raw[end:],
        lambda: raw + chance.choice(others),
        lambda: raw[:at] + chance.choice(others)[at:],
        lambda: f"```json\n{raw}\n```",
        lambda: f"```{raw}```",
        lambda: f"<think>{raw[:at]}</think>{raw}",
        lambda: f"{chance.choice(others)}</think>{raw}<|im_end|>",
        lambda: f"<think>{raw}",
        lambda: f"{raw}{raw}",
        lambda: raw.replace("{", chance.choice(('{"', '{"a":1}{', "{{")) * 9999, 1),
        lambda: f"\ufeff{raw}",
        lambda: f"Here you are:\n{raw}\nIs there anything else?",
        lambda: raw.replace('"', chance.choice("'“`"), chance.choice((1, -1))),
        lambda: raw.replace("[", "[" * chance.choice((2, 5000))),
        lambda: raw.replace(":", ': {"x":' * chance.choice((1, 300)), 1),
        lambda: raw.replace('"text"', '"slot"', chance.choice((1, -1))),
        lambda: re.sub(r"[a-z]", lambda c: f"\\u{ord(c[0]):04x}", raw, count=chance.randrange(99)),
        lambda: _flipped(raw, chance),
        lambda: raw.replace(" ", "\n" * chance.choice((1, 200))),
        lambda: raw.replace("}", "} " * chance.choice((1, 20_000)), 1),
        lambda: json.dumps(raw),
        lambda: raw + " " * chance.choice((1, 2**20)),
    )  # fmt: skip
    return chance.choice(ways)()[: 2**21]


def _flipped(raw: str, chance: Random) -> str:
    data = bytearray(raw.encode("utf-8", "surrogatepass"))
    for _ in range(chance.choice((1, 3, 30))):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data.decode("utf-8", chance.choice(("replace", "surrogateescape", "ignore")))
