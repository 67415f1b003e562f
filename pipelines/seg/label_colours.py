"""Read which colour each class has in the label files.

In:  a file that names colours: a class list with them, a palette, a tool's label map; the classes.
Out: ColourValues, the id of each colour; None where the file has no colour.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.vocabulary import Vocabulary
from langseg.segmenter.data.encodings import ColourValues, Rgb

_KEYS = ("colour", "color", "rgb", "hex")
_LISTS = ("classes", "categories", "labels", "names", "items")
_IGNORED = re.compile(r"_*(unlabell?ed|void|ignored?|don'?t[ _-]?care|none)_*", re.I)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6,8}|(rgb)?\W*\d+\s*,\s*\d+\s*,\s*\d+\W*")
_NUMBERS = re.compile(r"\D*(\d{1,3})\D+(\d{1,3})\D+(\d{1,3})\D*")
_LINE = re.compile(  # CVAT's "road:128,64,128::", CamVid's "128 64 128<tab>Road", "Road 128 64 128"
    r"(?P<name>[^:#]+?)\s*[:\t ]\s*(?P<rgb>\d+\s*[, ]\s*\d+\s*[, ]\s*\d+)\b.*"
    r"|(?P<rgb2>\d+\s+\d+\s+\d+)\s+(?P<name2>.+)"
)


def label_colours(file: Path, vocabulary: Vocabulary) -> ColourValues | None:
    """The id of each colour that a file names; colours of what is void are ignored.

    Raises: InputError, for a file that cannot be read, a colour of no class of the list, a class
    without one where others have one, and two of one colour.
    """
    try:
        named = list(_named_colours(file.read_text("utf-8-sig"), file.suffix.lower()))
    except OSError as exc:
        raise InputError(f"{file}: wanted colours of classes, got {exc.strerror}") from exc
    except (ValueError, yaml.YAMLError, RecursionError, csv.Error) as exc:
        raise InputError(f"{file}: wanted colours of classes, got {exc}") from exc
    if not named:
        return None
    others = {s.casefold(): entry.id for entry in vocabulary.classes for s in entry.synonyms}
    ids = others | {entry.name.casefold(): entry.id for entry in vocabulary.classes}
    found: dict[Rgb, int] = {}
    for name, colour in named:
        number = ids.get(name.strip().casefold())
        if number is None and _IGNORED.fullmatch(name.strip()):
            if not vocabulary.ignore_ids:
                raise InputError(f"{file}: wanted ignore_ids in the class list for {name!r}")
            number = vocabulary.ignore_ids[0]
        if number is None:
            raise InputError(
                f"{file}: the colour {_hex(colour)} is that of {name!r}, which is no class of "
                f"{vocabulary.name}; add it to the class list, or call it void to ignore it"
            )
        if found.setdefault(colour, number) != number:
            raise InputError(f"{file}: {_hex(colour)} is the colour of {name!r} and of another")
    if missing := [entry.name for entry in vocabulary.classes if entry.id not in found.values()]:
        raise InputError(f"{file}: wanted a colour for every class, got none for {missing[0]!r}")
    return ColourValues(tuple(found.items()))


def _named_colours(text: str, suffix: str) -> Iterator[tuple[str, Rgb]]:
    if suffix in (".yaml", ".yml", ".json"):
        yield from _of_document(yaml.safe_load(text))
    elif suffix in (".csv", ".tsv"):
        yield from _of_table(text)
    else:
        for line in text.splitlines():
            if match := _LINE.fullmatch(line.strip()):
                numbers = match["rgb"] or match["rgb2"]
                yield match["name"] or match["name2"], _rgb(numbers)


def _of_document(document: Any) -> Iterator[tuple[str, Rgb]]:
    if isinstance(document, Mapping):
        if isinstance(colours := document.get("colours", document.get("colors")), Mapping):
            yield from _of_document(colours)
            return
        lists = [document[key] for key in _LISTS if isinstance(document.get(key), list | dict)]
        if lists:
            yield from _of_document(lists[0])
            return
        for name, value in document.items():
            yield from _of_item(str(name), value)
    elif isinstance(document, list):
        for item in document:
            if isinstance(item, Mapping):
                name = item.get("name", item.get("title", item.get("label")))
                yield from _of_item(str(name), item)


def _of_item(name: str, value: Any) -> Iterator[tuple[str, Rgb]]:
    if isinstance(value, Mapping):
        for key in _KEYS:
            if key in value:
                if value[key] is None:
                    raise ValueError(
                        f"no colour for {name!r}; in YAML it stands in quotes, '#rrggbb'"
                    )
                yield name, _rgb(value[key])
                return
    elif isinstance(value, list) or (isinstance(value, str) and _COLOUR.fullmatch(value)):
        yield name, _rgb(value)


def _of_table(text: str) -> Iterator[tuple[str, Rgb]]:
    dialect = "excel-tab" if "\t" in text.split("\n", 1)[0] else "excel"
    for row in csv.DictReader(io.StringIO(text), dialect=dialect, skipinitialspace=True):
        cells = {str(key).strip().casefold(): value for key, value in row.items()}
        name = cells.get("name") or cells.get("class") or cells.get("label")
        channels = [cells.get(one[0], cells.get(one)) for one in ("red", "green", "blue")]
        colour = next((cells[key] for key in _KEYS if cells.get(key)), None)
        if name and (colour or all(channels)):
            yield name, _rgb(colour or " ".join(map(str, channels)))


def _rgb(value: object) -> Rgb:
    """``#ff0000``, ``255, 0, 0`` or a list of three. Raises: ValueError."""
    text = " ".join(map(str, value[:3])) if isinstance(value, list) else str(value).strip()
    if match := re.fullmatch(r"#?([0-9a-fA-F]{6})([0-9a-fA-F]{2})?", text):
        return tuple(bytes.fromhex(match[1]))  # type: ignore[return-value]
    match = _NUMBERS.fullmatch(text)
    numbers = tuple(map(int, match.groups())) if match else ()
    if len(numbers) != 3 or max(numbers) > 255:
        raise ValueError(f"the colour {text!r}; write '#rrggbb' or [r, g, b] of 0..255")
    return numbers


def _hex(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
