"""Tell a list of classes from what a person would see at a glance to be none.

In:  a class list as written, in whichever form.
Out: nothing; or why it is refused, before anybody pays for descriptors of ``images/001.jpg``.

A rule refuses what no dataset calls a class, and a row alone only where it cannot be a name:
numbers with words ("2 door car"), single letters and names of any script are names.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from langseg.descriptors.phrases.characters import shown
from langseg.descriptors.vocabulary.raw_list import RawList

MAX_CLASSES = 50_000
_MAX_WORDS = 10
_MOST = 0.5  # of the rows: then it is the list that is none, not a row of it
FILE_NAME = re.compile(
    r"\.(jpe?g|png|bmp|tiff?|gif|webp|heic|dng|npy|npz|mat|mp4|avi|mov|txt|csv|tsv|json|jsonl|xml|"
    r"ya?ml|py|pyc|sh|md|pdf|zip|gz|tar|pth?|ckpt|onnx|safetensors|h5|tfrecord|log|cfg|names)"
    r"(\s+-?\d+)?$",
    re.I,
)
_PATH = re.compile(r"(\.{0,2}/|~/|[A-Za-z]:[\\/])\S*[\\/]\S+|\S+\\\S+")
_URL = re.compile(r"\b(https?|s3|gs|ftp|hf|file)://|^www\.|\S@\S+\.[a-z]{2,}\b", re.I)
_TEMPLATE = re.compile(
    r"(an?|the) (\w+ )?(photo|picture|image|drawing|rendering) (of|showing)\b.*", re.I
)
MISSING = re.compile(  # "null", "none" may be names; NULL is SQL's, None Python's
    r"(?i:nan|n/a|#n/?a|#(ref|value|name\?|div/0|null|num|n/a)!?|<na>|<null>|"
    r"unnamed: ?\d+(_level_\d+)?)|NULL|None"
)
_PLACEHOLDER = re.compile(
    r"(class|label|cls|category|cat|object|obj|id|type|item)s?_?\d+"
    r"|(image|img|frame|photo|pic|dsc|scan|sample|mask|train|val|test)[_-]?\d+(\s+-?\d+)?",
    re.I,
)
_KEY = re.compile(
    r"n\d{8}|/[mg]/\S+|[a-z_]+\.[nvars]\.\d\d|[0-9a-f]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-.*"
)
_BLOB = re.compile(r"(?=.*\d)((?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9+/=_-]{32,}|[0-9a-f]{32,})")
_HEX_COLOUR = re.compile(r"#?(?=.*\d)(?=.*[a-f])[0-9a-f]{6}|#[0-9a-f]{6}", re.I)
_MOJIBAKE = re.compile("[ÃÂâ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰‹‘’“”•–—˜™›]|\ufffd")
_ERROR_PAGE = re.compile(
    r"([45]\d\d\b[:\s]*)?((page|entry|repository|file) )?"
    r"(not found|forbidden|access denied|unauthorized|bad gateway|bad request)\b.*",
    re.I,
)
_BOOLEANS = {"true", "false", "yes", "no", "t", "f", "y", "n"}


@dataclass(frozen=True)
class _Name:
    number: int
    text: str


def refuse_no_list(raw: RawList) -> None:
    """Raises: ValueError, naming the first row that shows it, and what to do."""
    if len(raw.rows) > MAX_CLASSES:
        raise ValueError(
            f"{len(raw.rows):,} rows; wanted at most {MAX_CLASSES:,} classes, each of which an LLM "
            "is asked about"
        )
    names = [
        _Name(row.number, " ".join(row.plain_name.split()))
        for row in raw.rows
        if isinstance(row.fields.get("name"), str)
    ]
    if not names:
        return
    _refuse_rows_of_numbers(raw)
    for rule in _RULES:
        rule(names)


def _any(pattern: re.Pattern[str], what: str, whole: bool = True) -> Callable[[list[_Name]], None]:
    """A rule that one row is enough for."""

    def rule(names: list[_Name]) -> None:
        for name in names:
            if pattern.fullmatch(name.text) if whole else pattern.search(name.text):
                raise ValueError(f"row {name.number}: {shown(name.text)} is {what}")

    return rule


def _most(is_none: Callable[[str], object], what: str) -> Callable[[list[_Name]], None]:
    """A rule that needs more than half of the rows."""

    def rule(names: list[_Name]) -> None:
        found = [name for name in names if is_none(name.text)]
        if len(names) > 1 and len(found) > _MOST * len(names):
            raise ValueError(
                f"{len(found)} of {len(names)} rows, such as row {found[0].number}: "
                f"{shown(found[0].text)}, are {what}"
            )

    return rule


def _letters(text: str) -> int:
    """Letters, and the marks that are vowels in many scripts."""
    return sum(unicodedata.category(char)[0] in "LM" for char in text)


def _error_page(names: list[_Name]) -> None:
    if len(names) < 3 and _ERROR_PAGE.fullmatch(names[0].text):
        raise ValueError(
            f"row {names[0].number}: {shown(names[0].text)}, a server's error in place of a file"
        )


def _sentences(names: list[_Name]) -> None:
    for name in names:
        words = name.text.split()
        ended = len(words) >= 4 and re.search(r"\w{2}[.!?]$", name.text)
        if len(words) > (5 if len(names) == 1 else _MAX_WORDS) or ended:
            raise ValueError(
                f"row {name.number}: {shown(name.text)} is a sentence, no name of a class; write a "
                "name and, in csv, json or yaml, a definition"
            )


def _repeats(names: list[_Name]) -> None:
    different = {name.text.casefold() for name in names}
    if len(names) >= 4 and 2 * len(different) < len(names):
        raise ValueError(
            f"{len(names)} rows with {len(different)} names, so a label for each of many things; "
            "write each class once"
        )


_RULES: Sequence[Callable[[list[_Name]], None]] = (
    _any(_URL, "an address; write the names of the classes, one a line", whole=False),
    _any(FILE_NAME, "a file's name; write the names of the classes, one a line", whole=False),
    _any(
        MISSING,
        "what a program writes for a missing value; delete the row, or write the name meant",
    ),
    _any(
        _MOJIBAKE,
        "text that was read in a wrong encoding; save it again as UTF-8 from its source",
        whole=False,
    ),
    _any(_HEX_COLOUR, "a colour; write the names of the classes"),
    _any(_BLOB, "no name but data (base64, a key or a hash)"),
    _most(_KEY.fullmatch, "keys of a dataset, no names; give the file that has their names"),
    _most(_PATH.fullmatch, "paths; write the names of the classes, one a line"),
    _most(
        lambda text: not _letters(text),
        "numbers; write the names of the classes in words",
    ),
    _most(
        lambda text: 6 * _letters(text) < len(text.replace(" ", "")),
        "mostly no letters; write the names of the classes in words",
    ),
    _most(
        _PLACEHOLDER.fullmatch,
        "placeholders or file names that a program made; write what each class shows",
    ),
    _most(_TEMPLATE.fullmatch, "prompts; write the names of the classes alone"),
    _most(lambda text: text.casefold() in _BOOLEANS and len(text) > 1, "answers, no names"),
    _error_page,
    _repeats,
    _sentences,
    _most(
        lambda text: len(text.split()) >= 6,
        "phrases, no names; write a name a row and, in csv, json or yaml, a definition",
    ),
)


def _refuse_rows_of_numbers(raw: RawList) -> None:
    """Colours and coordinates: a row of three numbers or more."""
    for row in raw.rows:
        synonyms = row.fields.get("synonyms") or []
        parts = [row.fields.get("name"), *(synonyms if isinstance(synonyms, list) else [])]
        text = " ".join(part for part in parts if isinstance(part, str))
        if len(numbers := re.findall(r"-?\d+(?:\.\d+)?", text)) >= 3 and re.fullmatch(
            r"[\d\s.,;:()\[\]eE+-]+", text
        ):
            raise ValueError(
                f"row {row.number}: {len(numbers)} numbers (a colour, coordinates?), no name"
            )
