"""Know the keys that people give to a class, its phrases and what else a row says.

In:  a row with keys of its author's own: ``label``, ``descriptors``, ``Description_2``.
Out: rows with our keys, one for each phrase in it, and where in it each stands; what no key of
     ours stands for is left as it is.

A key means what it says without case, with ``-`` and spaces as ``_``, and without a number behind
it. Of several keys for one thing the first of its list counts.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from langseg.cache.records import SLOTS
from langseg.descriptors.phrases.characters import printable, shown

CLASS_KEYS = (
    "class_name", "class", "classname", "class_label", "label", "label_name", "labelname",
    "category", "category_name", "object", "object_name", "concept_name", "name", "classes",
    "class_names", "labels", "names", "categories",
)  # fmt: skip
ID_KEYS = ("class_id", "classid", "class_idx", "class_index", "label_id", "category_id")
TEXT_KEYS = (
    "text", "texts", "phrase", "phrases", "descriptor", "descriptors", "description",
    "descriptions", "attribute", "attributes", "visual_features", "visual_attributes", "feature",
    "features", "concept", "concepts", "sentence", "sentences", "caption", "captions", "prompts",
    "generated_text", "answer", "response", "completion", "output", "prompt",
)  # fmt: skip
_ANSWERS = frozenset(("generated_text", "answer", "response", "completion", "output"))
OWN_KEYS = ("scene", "subclass", "slot", "source")
_SLOT_NAMES = {"color": "colour", "colors": "colour", "colours": "colour", "parts": "part"}
_LACKING = frozenset(("", "nan", "<na>", "none", "null", "n/a", "#n/a", "nat"))
_MOST_LITERAL = 100_000  # characters of a list that is written into one cell
_BULLET = re.compile(r"^\s*(?:[-*•·–—]\s+|\(?\d{1,2}[.)]\s+)")

# (where it stands, a row with our keys; or only a name, for a class that the file lists without
# one; or why it is no row)
Rows = Iterator[tuple[str, Mapping[str, Any] | str | ValueError]]


def stem(key: object) -> str:
    """What a key is looked up by."""
    plain = re.sub(r"[\s\-.]+", "_", str(key).strip().casefold())
    return re.sub(r"_?\d+$", "", plain) or plain


def first_key(row: Mapping[str, Any], known: tuple[str, ...]) -> str | None:
    """The stem of the key of a row that stands for a thing, or None."""
    stems = {stem(key) for key in row}
    return next((key for key in known if key in stems), None)


def says_class(row: Mapping[str, Any]) -> bool:
    """Whether a key of a row names its class."""
    return first_key(row, CLASS_KEYS + ID_KEYS) is not None


def says_text(row: Mapping[str, Any]) -> bool:
    """Whether a key of a row gives a phrase."""
    return first_key(row, TEXT_KEYS) is not None


def is_lacking(value: object) -> bool:
    """Whether a cell holds nothing: null, NaN, what programs write for them, or no text."""
    if isinstance(value, str):
        return value.strip().casefold() in _LACKING
    return value is None or value != value  # noqa: PLR0124 (a NaN is no equal of itself)


def phrase_rows(where: str, row: Mapping[str, Any]) -> Rows:
    """A row for each phrase of a row, with our keys."""
    text_stem = first_key(row, TEXT_KEYS)
    taken: dict[str, Any] = dict.fromkeys(("class_name", "class_id", *OWN_KEYS))
    names = (first_key(row, CLASS_KEYS), first_key(row, ID_KEYS))
    texts: list[Any] = []
    rest: dict[str, Any] = {}
    for key, value in row.items():
        said = stem(key)
        if said == text_stem:
            texts.append(value)
        elif said == names[0]:
            number = "class_name" if said == "class_name" or not _is_number(value) else "class_id"
            taken[number] = value if taken[number] is None else taken[number]
        elif said == names[1]:
            taken["class_id"] = value
        elif said in OWN_KEYS:
            taken[said] = value
        elif said == "subclasses" and isinstance(value, list):
            texts.append([_of_subclass(one) for one in value])
        else:
            rest[str(key)] = value
    own = {key: value for key, value in taken.items() if not is_lacking(value)} | rest
    if text_stem is None and not texts:
        keys = ", ".join(printable(str(key), 40) for key in row) or "none"
        wanted = "text, descriptors or description"
        yield where, ValueError(f"text: wanted a phrase, got None under the keys {keys}; {wanted}?")
        return
    texts = [_parted(text_stem, value) for value in texts if not is_lacking(value)] or texts[:1]
    for value in texts:
        yield from _phrases(where, own, value)


def _parted(key: str | None, value: object) -> object:
    """The phrases in one text: of an answer, or under a key that speaks of several."""
    if not isinstance(value, str) or key is None:
        return value
    if key in _ANSWERS:
        return phrases_in(value)
    lines = value.strip().split("\n")
    listed = len(lines) > 1 and all(map(_BULLET.match, lines))
    return split_list(value) if key.endswith("s") or listed else value


def _phrases(where: str, own: Mapping[str, Any], value: Any) -> Rows:
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _literal_list(value)
    if isinstance(value, Mapping):
        if says_text(value) or "subclasses" in value:
            yield from phrase_rows(where, {**own, **value})
            return
        for key, listed in value.items():  # {slot or prompt: phrases}
            about = f"{where}, {shown(str(key))}"
            yield from _phrases(about, {**own, **slot_of(key)}, split_list(listed))
    elif isinstance(value, (list, tuple)):
        for number, one in enumerate(value, start=1):
            if isinstance(one, (list, tuple)):
                yield (
                    f"{where}, phrase {number}",
                    ValueError(f"text: wanted a phrase, got {shown(one)}"),
                )
            else:
                yield from _phrases(f"{where}, phrase {number}", own, one)
    elif is_lacking(value) or not isinstance(value, str):
        yield where, ValueError(f"text: wanted a phrase, got {shown(value)}")
    else:
        yield where, {**own, "text": value}


def slot_of(key: object) -> dict[str, str]:
    """``{"slot": ...}`` where a key names one of ours, else nothing: it is a prompt, say."""
    name = _SLOT_NAMES.get(stem(key), stem(key))
    return {"slot": name} if name in SLOTS else {}


def split_list(value: object) -> object:
    """A list that is written as one text: a phrase a line, or parted by ``;``."""
    if not isinstance(value, str):
        return value
    mark = ";" if "\n" not in value.strip() and not re.search(r"&#?\w+;", value) else "\n"
    parts = [part.strip() for part in value.split(mark) if part.strip()]
    return value if len(parts) < 2 else parts


def phrases_in(answer: str) -> object:
    """The list or object of JSON in a model's answer, in a fence or not; else its lines, those of
    a list where it has one."""
    fenced = re.search(r"```[a-zA-Z]*\s*\n(.*?)```", answer, re.DOTALL)
    text = (fenced[1] if fenced else answer).strip()
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        if isinstance(found, dict) and len(found) == 1 and not says_text(found):
            (found,) = found.values()  # {"mailbox": [...]}
        if isinstance(found, (dict, list)):
            return found
    lines = [line for line in text.split("\n") if line.strip()]
    return [line for line in lines if _BULLET.match(line)] or lines


def without_bullet(text: str) -> str:
    """A phrase without the mark of the list it stood in, and without Markdown's bold."""
    return _BULLET.sub("", text).replace("**", "")


def _of_subclass(one: Any) -> Any:
    """A subclass as a model's reply has it: its name belongs to the phrases below it."""
    if isinstance(one, Mapping) and isinstance(one.get("name"), str):
        return {"subclass": one["name"], "descriptors": one.get("descriptors")}
    return one


def _literal_list(text: str) -> object:
    """A list that was written into a cell, as JSON or as Python writes it; else the text."""
    if len(text) > _MOST_LITERAL or not text.rstrip().endswith("]"):
        return text
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, list) else text
    return text


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return bool(re.fullmatch(r"\s*\d{1,9}(\.0+)?\s*", value))
    return isinstance(value, (int, float)) and not isinstance(value, bool)
