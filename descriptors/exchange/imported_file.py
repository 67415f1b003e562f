"""Read a set of descriptors that somebody else wrote, before anything in it is checked.

In:  the bytes of a json, jsonl, csv, yaml or Parquet file, and its name; or a folder with such.
Out: its phrases, each with the class it names and the place it stands in; the classes that it
     lists without a phrase, which published files have; and the rows that are none.

    {class: [phrase, ...]}              classify-by-description, and most CuPL files
    {class: {prompt: [phrase, ...]}}    CuPL, by prompt
    rows of class_name, text, ...       ``export`` writes them, in each of its forms
    replies                             the output of a batch (``imported_replies``)

``imported_rows`` tells the other ways in which these are laid out, ``imported_keys`` the other
names of the keys. A row names its class by ``class_name``, or by ``class_id``: the place in the
vocabulary, counted from 0; where it has both, the name counts, and where they disagree that is
told. ``scene``, ``subclass``, ``slot`` and ``source`` may be there. Where no slot is named it is
``any``: to guess one would add a fact that the file does not hold. Further keys are not read, and
are told.

A file that cannot be taken apart (no JSON, a column lacking, a quote left open) is refused as a
whole. A row that is no phrase (no class, no text, NaN for one, too long, of another type) is left
out and told with its place; a file with more of these than phrases is refused, too, as it is
most likely another kind of file. What a program or a model put around a phrase is taken off, and
counted: entities of HTML, the marks of a list, UTF-8 that was read as Windows-1252.
"""

import html
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from langseg.cache.errors import InputError
from langseg.cache.keys import normalise_text, sha256_hex
from langseg.cache.records import ANY_SCENE, ANY_SLOT
from langseg.descriptors.exchange.imported_keys import Rows, is_lacking, without_bullet
from langseg.descriptors.exchange.imported_rows import LABEL_CHARS, TEXT_READERS, read_parquet
from langseg.descriptors.phrases.characters import printable, shown
from langseg.descriptors.prompts.imported import MAX_TEXT_CHARS
from langseg.descriptors.vocabulary.text_file import read_text_file

MAX_FILE_BYTES = 64 * 2**20  # LaBo's largest has 91,452 phrases in 5 MB
KEYS = ("class_id", "class_name", "scene", "subclass", "slot", "text", "source")
# ``export`` writes them, too, and the view ``phrases`` has them
PROVENANCE = ("model", "prompt_id", "request_key", "served_model", "provider", "rank", "rejected")
KINDS = (*TEXT_READERS, "parquet")
_OTHER_KINDS = {
    "xlsx xls xlsm ods numbers": "a spreadsheet: save its sheet as CSV in UTF-8",
    "pkl pickle joblib npy npz pt pth bin ckpt": "an archive of Python objects, which would run "
    "code if it were opened: write {class: [phrases]} with json.dump",
    "safetensors h5 hdf5 mat": "numbers: write the phrases, {class: [phrases]}, with json.dump",
    "gz bz2 xz zst zip tar tgz 7z": "packed: unpack it",
    "arrow feather": "Arrow: write it with Dataset.to_parquet or to_json",
}
_SHOWN = 3
# UTF-8 read as Windows-1252: the first byte of two or three is one of these, those behind signs
_GARBLED = re.compile(
    "[\u00c2\u00c3\u00e2\u00c5][\u0080-\u00bf\u20ac\u201a-\u201e\u2018-\u201d\u2013-\u2022\u02c6\u02dc\u2122\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u2020\u2026\u2030\u2039\u203a]"
)


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
    were not read; ``bad`` rows are no phrases: where each stands, and why; ``mended`` counts what
    was taken off phrases."""

    file: str
    form: str
    sha256: str
    phrases: tuple[ForeignPhrase, ...]
    empty: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    mended: Mapping[str, int] = field(default_factory=dict)


def read_foreign(path: Path) -> ForeignSet:
    """Read a file, or the one file of descriptors in a folder, such as ``export --format hf``
    writes.

    Raises: InputError, naming what is not there, or cannot be read.
    """
    name = path.name
    if path.is_dir():
        path = _file_in(path)
        name = f"{name}{path.suffix}"
    if not path.is_file():
        got = "a device or a pipe" if path.exists() else "none"
        raise InputError(
            f"{path}: wanted a file of descriptors ({', '.join(KINDS)}) there, got {got}; give the "
            "path of one"
        )
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise InputError(
            f"{path}: wanted descriptors in at most {MAX_FILE_BYTES // 2**20} MiB, got more; "
            "leave out what is about other classes (a second file under the same --model would "
            "replace the first, not add to it)"
        )
    return parse_foreign(data, name)


def parse_foreign(data: bytes, file: str) -> ForeignSet:
    """Read a file of one of ``KINDS``, as its name ends.

    Raises: InputError, naming the file and what in it cannot be read.
    """
    name = printable(file, 100)
    kind = file.rpartition(".")[2].lower()
    if kind not in KINDS:
        what = next((what for ends, what in _OTHER_KINDS.items() if kind in ends.split()), "")
        got = f", got {what}" if what else ""
        raise InputError(f"{name}: wanted descriptors in a file ending in {', '.join(KINDS)}{got}")
    try:
        if kind == "parquet":
            form, rows = read_parquet(data)
        else:
            text = read_text_file(data)
            form, rows = TEXT_READERS[kind](text.text)
            form += "" if text.encoding == "UTF-8" else f" in {text.encoding}"
        return _collected(name, form, sha256_hex(data), rows)
    except (ValueError, yaml.YAMLError, RecursionError) as exc:
        reason = printable(" ".join(str(exc).split()), 300)
    raise InputError(f"{name}: wanted {kind} descriptors, got {reason}")


def _file_in(folder: Path) -> Path:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lstrip(".").lower() in KINDS)
    tables = [path for path in found if path.suffix == ".parquet"] or found
    if len(tables) != 1:
        got = ", ".join(str(path.relative_to(folder)) for path in tables[:_SHOWN]) or "none"
        raise InputError(
            f"{folder}: wanted one file of descriptors ({', '.join(KINDS)}) in this folder, got "
            f"{printable(got)}; give the path of one"
        )
    return tables[0]


def _collected(file: str, form: str, sha256: str, rows: Rows) -> ForeignSet:
    phrases: list[ForeignPhrase] = []
    empty: dict[str, None] = {}
    ignored: dict[str, None] = {}
    bad: list[str] = []
    mended: Counter[str] = Counter()
    for where, row in rows:
        try:
            if isinstance(row, ValueError):
                raise row
            if isinstance(row, str):
                empty[normalise_text(row)] = None
                continue
            phrases.append(_phrase(row, mended))
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
        mended=dict(mended.most_common()),
    )


def _mostly_bad(bad: Sequence[str], good: int) -> str:
    if len(bad) == 1:
        return bad[0]
    first = " / ".join(one[:80] for one in bad[:_SHOWN])
    return f"{len(bad)} rows that are none beside {good} phrases: {first}"


def _phrase(row: Mapping[str, Any], mended: Counter[str]) -> ForeignPhrase:
    """Raises: ValueError, for a row without a class or a text, and for what is no text."""
    text = row.get("text")
    if not isinstance(text, str) or is_lacking(text):
        raise ValueError(f"text: wanted a phrase, got {shown(text)}")
    if len(text) > MAX_TEXT_CHARS:
        raise ValueError(f"text: wanted at most {MAX_TEXT_CHARS} characters, got {len(text)}")
    text = _mended(text, mended)
    class_name, class_id = _name(row, "class_name"), _class_id(row.get("class_id"))
    if not class_name and class_id is None:
        keys = ", ".join(printable(str(key), 40) for key in row)
        raise ValueError(f"wanted a class_name or a class_id, got neither among {keys}")
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


def _mended(text: str, counts: Counter[str]) -> str:
    """A phrase without what a program or a model put around it."""
    for what, mend in (
        ("misread UTF-8", _decoded_again),
        ("HTML entity", html.unescape),
        ("list mark", without_bullet),
    ):
        if (better := mend(text)) != text:
            counts[what] += 1
            text = better
    return text


def _decoded_again(text: str) -> str:
    if not _GARBLED.search(text):
        return text
    try:
        data = b"".join(
            char.encode("latin-1" if "\u0080" <= char <= "\u009f" else "cp1252") for char in text
        )
        return data.decode("utf-8")
    except ValueError:
        return text
