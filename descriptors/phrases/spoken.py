"""Say a dataset's name for a class as a person would.

In:  a name as the dataset has it: ``bow_(weapon)``, ``car/vehicle``, ``construction--flat--road``.
Out: the plain name, the other names in it, which kind of thing is meant; all that a person hears.

The dataset's name stays what the class is called, in masks and reports. The plain one is what an
LLM is told and what a text encoder reads. A name that is plain already is said as it stands.

    car/vehicle; car, vehicle   car, also called vehicle                      Objects365, ADE20K
    bow_(weapon), light: red    bow, the kind "weapon"; light, the kind "red"   LVIS, Open Images
    construction--flat--road    road, of the group "flat, construction"       Mapillary, nuScenes
    wall-other-merged           wall, any without a class of its own                COCO panoptic
    TrafficLight, 001.Black_footed_Albatross                     CamVid, CARLA; Stanford Dogs, CUB
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

NAME_CHARS = 64  # of a class, a scene, a subclass
# Words that say how, where or which, and name no thing by themselves
_MODIFIER_WORDS = """
front back rear left right top bottom upper lower inner outer side general generic common other
others misc miscellaneous various ambiguous unknown unlabeled single double solid dashed dotted
zigzag straight diagonal horizontal vertical upright plain flat temporary rigid bendy static
dynamic moving parked standing sitting lying walking natural manmade artificial indoor outdoor
indoors outdoors exterior interior wild cultivated red green yellow blue white black brown grey
gray pink purple open closed on off day night wet dry small medium large big new old young adult
structural light dark low high long short male female group personal emergency ego plural
"""
_MODIFIERS = frozenset(_MODIFIER_WORDS.split())
_LEFT_OVER = ("other", "others", "misc", "miscellaneous")
_ANY_KIND = ("merged", "stuff", "generic", "general")
_PLAIN_QUOTES = str.maketrans("’‘‛′“”„″‐‑–—―−﹘", "''''\"\"\"\"-------")
_PLAIN = re.compile(r"[^\W\d_]+(?:[ '-][^\W_]+)*")  # words in letters, one sign between them
_INDEX = re.compile(r"^(?:\d{1,4}\s*[._)]+\s*|n\d{8}\s*[-_ ]\s*)(?=[^\W\d_])")
_PLURAL_MARK = re.compile(r"(?<=\w)\((?:s|es|ren|en|e|n)\)")
_BRACKETS = re.compile(r"[\s_-]*\(\s*([^()]*?)\s*\)")
_LEVELS = re.compile(r"\s*--+\s*|\s*::\s*|\s+[›»→]\s+|(?<=[^\W\d_]):(?=[^\W\d_])")
_DOTTED = re.compile(r"[^\W\d_]\w+(?:\.[^\W\d_]\w+)+")  # vehicle.bus.rigid; but T.V., St. Bernard
_KIND_BEHIND = re.compile(r"\s*:\s+|\s+-+\s+")  # traffic light: red, Crosswalk - Plain
_NAMES = re.compile(  # but N/A, A/C unit, 1/2, 50/50 beam
    r"\s*[;,]\s*|(?<!\b\w)(?<!\b\w )(?<!\d)(?<!\d )\s*/\s*(?!\w\b)"
)
_CAMEL = re.compile(r"(?<=[a-z]{3})(?=[A-Z][a-z]{2})|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_STUFF = re.compile(
    r"(wall|floor|ceiling)-(brick|stone|tile|wood|concrete|panel|marble)(?:-merged)?"
)
_OWNER = re.compile(r"'s\s+|(?<=s)'\s+")  # dog's bowl, girls' shoes
_NUMBER_BEFORE = re.compile(r"^[#№]?[$€£]?\d[\d.,]*\s*(?:%|°|x|mm|cm|m|km/h|mph)?\s+(?=[^\W\d_])")


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """``others`` are further names of the same; ``kind`` is which of several things of that name
    is meant; ``note`` what else the dataset's name says of it."""

    name: str
    others: tuple[str, ...] = ()
    kind: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """What a text encoder reads: ``car or vehicle``, ``bow (weapon)``."""
        names = " or ".join((self.name, *self.others))
        return f"{names} ({self.kind})" if self.kind else names


@lru_cache(maxsize=65536)
def spoken(name: str) -> Spoken:
    """How a name is said: as it stands, where it is plain or nothing else can be made of it."""
    if _PLAIN.fullmatch(name) and not _is_compressed(name):
        return Spoken(name=name)
    text = _typed(name)
    kinds = [kind for kind in _BRACKETS.findall(text) if kind]
    head, *behind = [part for part in map(_trimmed, _BRACKETS.split(text)[::2]) if part] or [text]
    levels = head.split(".") if _DOTTED.fullmatch(head) else _LEVELS.split(head)
    levels = [level for level in map(_trimmed, levels) if level]
    groups: list[str] = []
    if len(levels) > 1:
        levels = [level.replace("-", " ") for level in levels]
        at = max((i for i, level in enumerate(levels) if not _is_modifier(level)), default=0)
        head, groups = levels[at], levels[:at][::-1]
        kinds = [*levels[at + 1 :], *kinds]
    head, *after = _KIND_BEHIND.split(head)
    parts = [part for part in map(_trimmed, [*_names(head), *behind]) if part] or [text]
    kinds = [*after, *kinds, *filter(_is_modifier, parts[1:])]
    bare = [_bare(part) for part in parts if part == parts[0] or not _is_modifier(part)]
    notes = [why.format(_spaced(part).lower()) for part, why in bare if why][:1]
    notes += [f"of the group {', '.join(map(_spaced, groups))}"] if groups else []
    first, *others = dict.fromkeys(_spaced(part) for part, _ in bare)
    if not 0 < len(first) <= NAME_CHARS:
        return Spoken(name=name)
    kind = ", ".join(dict.fromkeys(map(_spaced, kinds)))
    return Spoken(name=first, others=tuple(others), kind=kind, note="; ".join(notes))


def said_apart(names: Sequence[str], said: Sequence[Spoken]) -> tuple[str, ...]:
    """The ``text`` of each name; of those that would be said alike with what the name says besides
    (``other wall``, ``bicycle (of the group symbol)``), and where these are alike, too, the names
    themselves."""
    texts = [one.text for one in said]
    for longer in ([_with_note(one) for one in said], names):
        folded = [text.casefold() for text in texts]
        alike = {text for text, count in Counter(folded).items() if count > 1}
        texts = [
            more if text in alike else kept
            for text, kept, more in zip(folded, texts, longer, strict=True)
        ]
    return tuple(texts)


@lru_cache(maxsize=65536)
def heard(name: str) -> tuple[str, ...]:
    """All that counts as saying a name: the name, each name in it, and these without what a
    person may leave out (``50% sale sign``, ``dog's bowl``, ``other vehicle``)."""
    said = spoken(name)
    found = {name: None, said.name: None}
    for one in (said.name, *said.others, *_shared_heads(name)):
        for part in (one, *_parts(one)):
            if not _is_modifier(part) and any(map(str.isalnum, part)):
                found[part] = None
    return tuple(found)


def _is_compressed(name: str) -> bool:
    """Whether a name in plain characters holds more than words: camel case, COCO's tails."""
    return bool(_CAMEL.search(name) or _STUFF.fullmatch(name) or _bare(name)[1])


def _typed(name: str) -> str:
    """In the characters that a keyboard has: no entities, wide forms, soft hyphens, pictures."""
    text = unicodedata.normalize("NFC", html.unescape(name) if "&" in name else name)
    if not text.isascii():
        text = "".join(_plain_character(char) for char in text.translate(_PLAIN_QUOTES))
    text = " ".join(text.split())
    text = re.sub(r"\bw/o\b\s*", "without ", re.sub(r"\bw/(?!o\b)\s*", "with ", text))
    text = re.sub(r"\s+[&+]\s+", " and ", text)
    text = _PLURAL_MARK.sub("", _INDEX.sub("", text))
    return _trimmed(text) or name


def _plain_character(char: str) -> str:
    if char == "\u00ad" or char in "®™©" or "\ufe00" <= char <= "\ufe0f":
        return ""
    if unicodedata.category(char) == "So" and char >= "\u2190":
        return " "  # an emoji, a dingbat
    wide = "\uff00" <= char <= "\uffef" or char == "\u3000"
    return unicodedata.normalize("NFKC", char) if wide else char


def _trimmed(text: str) -> str:
    """Without what stands around a name and is none of it: quotes, bullets, a full stop."""
    text = text.strip(" _-*•·,;:!/")
    if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return text.removesuffix(".") if text.count(".") == 1 else text


def _names(text: str) -> list[str]:
    """``car/vehicle``, ``door;double door``; of ``cutting/chopping board`` each with its noun."""
    found = [part for part in _NAMES.split(text) if part and part.casefold() != "etc"]
    if "/" in text and found and " " in found[-1]:
        noun = found[-1].split()[-1]
        for i, part in enumerate(found[:-1]):
            if " " not in part and (part.endswith("ing") or _is_modifier(part)):
                found[i] = f"{part} {noun}"
    return found


def _bare(name: str) -> tuple[str, str]:
    """A name without what COCO and others add to say "the rest of"; and what that means."""
    if inverted := _STUFF.fullmatch(name):
        return f"{inverted[2]} {inverted[1]}", ""
    parts = re.split(r"[-_]|(?<=[a-z])(?=Misc\b)", name)
    left_over = any_kind = False
    while len(parts) > 1 and parts[-1].casefold() in _LEFT_OVER + _ANY_KIND:
        left_over |= parts[-1].casefold() in _LEFT_OVER
        any_kind |= parts.pop().casefold() in _ANY_KIND
    while len(parts) > 1 and parts[0].casefold() in _LEFT_OVER:
        left_over = bool(parts.pop(0))
    if not left_over and not any_kind:
        return name, ""
    bare = name[name.index(parts[0]) :]
    bare = bare[: len("-".join(parts))]
    return bare, "any {} that has no class of its own" if left_over else "{} of any kind"


def _spaced(text: str) -> str:
    """Underscores and humps as spaces."""
    humps = _CAMEL.sub(" ", text)
    if humps != text:
        humps = " ".join(w if w.isupper() else w.lower() for w in humps.split())
    return " ".join(humps.replace("_", " ").split())


def _with_note(said: Spoken) -> str:
    if said.note.startswith("any "):
        return f"other {said.text}"
    return f"{said.text} ({said.note})" if said.note else said.text


def _is_modifier(text: str) -> bool:
    found = re.findall(r"[^\W_]+", text.casefold())
    return bool(found) and all(word in _MODIFIERS or word.isdecimal() for word in found)


def _shared_heads(name: str) -> Iterator[str]:
    """``Clock/Time Piece`` may be a clock piece: the last noun belongs to each name before."""
    said = spoken(name)
    if "/" in name and said.others and " " in said.others[-1]:
        noun = said.others[-1].split()[-1]
        for one in (said.name, *said.others[:-1]):
            if " " not in one:
                yield f"{one} {noun}"


def _parts(name: str) -> Iterator[str]:
    """What a person may make of a name besides the name."""
    if (fewer := _NUMBER_BEFORE.sub("", name)) != name:
        yield fewer
    if name.casefold().startswith("other "):
        yield name[6:]
    if (thing := _OWNER.sub(" ", name)) != name:
        yield thing
    yield from (part for part in re.split(r"\s+or\s+", name) if part != name)
    first, both, last = name.partition(" and ")
    if both:
        yield last
        # "kitchen and dining room table" is a kitchen table; "washing machine and dryer" are two
        short = len(first.split()) < len(last.split())
        yield f"{first} {last.split()[-1]}" if short else first
