"""Read a set of descriptors that somebody else wrote, before anything in it is checked.

In:  the bytes of a json, jsonl or csv file, and its name.
Out: its phrases, each with the class it names and the place it stands in; the classes that it
     lists without a phrase, which published files have; and the rows that are none.

    json   {class: [phrase, ...]}              classify-by-description, and most CuPL files
           {class: {prompt: [phrase, ...]}}    CuPL, by prompt
           [{class_name, text, ...}, ...]      rows; ``export`` writes the same keys
    jsonl  one such row a line
    csv    such rows under a header

A row names its class by ``class_name``, or by ``class_id``: the place in the vocabulary, counted
from 0; where it has both, the name counts, and where they disagree that is told. ``scene``,
``subclass``, ``slot`` and ``source`` may be there. Where no slot is named it is ``any``: to guess
one would add a fact that the file does not hold. Further keys are not read, and are told.

A file that cannot be taken apart (no JSON, no UTF-8, a column lacking, a quote left open) is
refused as a whole. A row that is no phrase (no class, no text, too long, of another type) is left
out and told with its place; a file with more of these than phrases is refused, too, as it is
most likely another kind of file.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langseg.cache.errors import InputError
from langseg.cache.keys import normalise_text, sha256_hex
from langseg.cache.records import ANY_SCENE, ANY_SLOT
from langseg.descriptors.exchange.imported_rows import LABEL_CHARS, READERS, SAVE_AS, Rows
from langseg.descriptors.phrases.characters import printable, shown
from langseg.descriptors.prompts.imported import MAX_TEXT_CHARS

MAX_FILE_BYTES = 64 * 2**20  # LaBo's largest has 91,452 phrases in 5 MB
KEYS = ("class_id", "class_name", "scene", "subclass", "slot", "text", "source")
PROVENANCE = ("model", "prompt_id", "request_key", "served_model")  # ``export`` writes them, too
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class ForeignPhrase:
    """One phrase as written. Where ``class_name`` names the class, ``class_id`` only echoes it."""

    text: str
    class_name: str = ""
    class_id: int | None = None
    scene: str = ANY_SCENE
    subclass: str = ""
    slot: str = ANY_SLOT
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class ForeignSet:
    """A file's phrases in its order. ``empty`` classes are listed without any; ``ignored`` keys
    were not read; ``bad`` rows are no phrases: where each stands, and why."""

    file: str
    form: str
    sha256: str
    phrases: tuple[ForeignPhrase, ...]
    empty: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()


def parse_foreign(data: bytes, file: str) -> ForeignSet:
    """Read a file whose name ends in .json, .jsonl or .csv.

    Raises: InputError, naming the file and what in it cannot be read.
    """
    name = printable(file, 100)
    kind = file.rpartition(".")[2].lower()
    if kind not in READERS:
        raise InputError(f"{name}: wanted descriptors in a file ending in {', '.join(READERS)}")
    try:
        form, rows = READERS[kind](data.decode("utf-8-sig"))
        return _collected(name, form, sha256_hex(data), rows)
    except UnicodeDecodeError as exc:
        utf_16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        reason = "UTF-16" if utf_16 else f"another encoding (byte {exc.start} is none of UTF-8)"
        reason = f"{reason}; {SAVE_AS[kind]}"
    except (ValueError, csv.Error, RecursionError) as exc:
        reason = printable(" ".join(str(exc).split()), 300)
    raise InputError(f"{name}: wanted {kind} descriptors in UTF-8, got {reason}")


def _collected(file: str, form: str, sha256: str, rows: Rows) -> ForeignSet:
    phrases: list[ForeignPhrase] = []
    empty: dict[str, None] = {}
    ignored: dict[str, None] = {}
    bad: list[str] = []
    for where, row in rows:
        try:
            if isinstance(row, ValueError):
                raise row
            if isinstance(row, str):
                empty[normalise_text(row)] = None
                continue
            phrases.append(_phrase(row))
        except ValueError as exc:
            bad.append(printable(f"{where}: {exc}"))
            continue
        ignored |= dict.fromkeys(key for key in row if key not in KEYS + PROVENANCE)
    if len(bad) > len(phrases):
        raise ValueError(_mostly_bad(bad, len(phrases)))
    described = {phrase.class_name for phrase in phrases}
    return ForeignSet(
        file=file,
        form=form,
        sha256=sha256,
        phrases=tuple(phrases),
        empty=tuple(name for name in empty if name not in described),
        ignored=tuple(printable(key, 60) for key in ignored),
        bad=tuple(bad),
    )


def _mostly_bad(bad: Sequence[str], good: int) -> str:
    if len(bad) == 1:
        return bad[0]
    first = " / ".join(one[:80] for one in bad[:_SHOWN])
    return f"{len(bad)} rows that are none beside {good} phrases: {first}"


def _phrase(row: Mapping[str, Any]) -> ForeignPhrase:
    """Raises: ValueError, for a row without a class or a text, and for what is no text."""
    text = row.get("text")
    if not isinstance(text, str):
        raise ValueError(f"text: wanted a phrase, got {shown(text)}")
    if len(text) > MAX_TEXT_CHARS:
        raise ValueError(f"text: wanted at most {MAX_TEXT_CHARS} characters, got {len(text)}")
    class_name, class_id = _name(row, "class_name"), _class_id(row.get("class_id"))
    if not class_name and class_id is None:
        raise ValueError("wanted a class_name or a class_id, got neither")
    return ForeignPhrase(
        text=text,
        class_name=class_name,
        class_id=class_id,
        scene=_name(row, "scene") or ANY_SCENE,
        subclass=_name(row, "subclass"),
        slot=_name(row, "slot").casefold() or ANY_SLOT,
        source=_name(row, "source"),
    )


def _name(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LABEL_CHARS:
        raise ValueError(
            f"{key}: wanted text of at most {LABEL_CHARS} characters, got {shown(value)}"
        )
    return normalise_text(value)


def _class_id(value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and (number := re.fullmatch(r"\s*([0-9]{1,9})(\.0+)?\s*", value)):
        return int(number[1])
    if isinstance(value, float) and value.is_integer():  # pandas, of a column with a gap
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**9:
        raise ValueError(f"class_id: wanted a whole number from 0, got {shown(value)}")
    return value
