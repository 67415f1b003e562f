"""Read a file of text whichever program wrote it: a class list, scenes, somebody else's phrases.

In:  the bytes of a file.
Out: its text with plain line ends, and the encoding it was in; or why it is no such text.

UTF-8 and UTF-16 say what they are. Windows-1252 does not: it is read where nothing but Western
European words can be meant, and is refused where another code page would say something else.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import yaml

from langseg.descriptors.phrases.characters import shown

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8", "UTF-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le", "UTF-32"),
    (b"\x00\x00\xfe\xff", "utf-32-be", "UTF-32"),
    (b"\xff\xfe", "utf-16-le", "UTF-16"),
    (b"\xfe\xff", "utf-16-be", "UTF-16"),
)
_MAGIC = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet (.xlsx, .ods)"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet or document of old Office"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF-", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"SQLite format 3", "an SQLite database"),
    (b"{\\rtf", "rich text (RTF)"),
)
_HTML = re.compile(
    r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head)\b", re.I | re.S
)
_LFS = "version https://git-lfs"
# In Windows-1252 these bytes are what Western European words hold; the rest of its upper half are
# signs and letters that, between two letters, are those of another code page (ÐÝÞðýþ: Turkish).
_WESTERN = "A-Za-zÀ-ÏÑ-ÖØ-Üß-ïñ-öø-üÿŒœ"
_WESTERN_TEXT = re.compile(f"[{_WESTERN}\x00-\x7f€‘’“”–—…•·°®™©½¼¾²³£§«»¿¡\xa0×]*")
_OF_ANOTHER_PAGE = re.compile(
    "[À-ÖØ-üÿŒœ]{3}"  # Cyrillic, Greek, Hebrew, Chinese: their letters stand side by side
    f"|[{_WESTERN}][“”‘€…•·°®™©½¼¾²³£§«»¿¡×]+[{_WESTERN}]"
)
_WESTERN_SHARE = 0.4  # of a text's letters; "Öl" has half, a list of such words has less


# CSafeLoader is libyaml's, ten times as fast; wheels of every common platform bring it
class _YamlLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader; a key that is there twice is an error, no loss in silence."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        written = Counter((key.tag, key.value) for key in keys)
        flat = getattr(node, "flat", False)  # what it merged in stands beside its own keys then
        if keys and not flat and len(written) < len(keys):
            twice = next(key for key in keys if written[key.tag, key.value] > 1)
            raise yaml.constructor.ConstructorError(
                problem=f"the key {twice.value[:60]} twice", problem_mark=twice.start_mark
            )
        super().flatten_mapping(node)
        node.flat = True  # type: ignore[attr-defined]


@dataclass(frozen=True)
class TextFile:
    """A file's text, lines ended by ``\\n`` alone, without a byte order mark."""

    text: str
    encoding: str  # as a person calls it: UTF-8, UTF-16, UTF-32, Windows-1252


def read_text_file(data: bytes) -> TextFile:
    """The text of a file in UTF-8, UTF-16, UTF-32 or, where it is plain, Windows-1252.

    Raises: ValueError, saying what the bytes are instead and what to do: another code page, a
    spreadsheet, a picture, a web page saved for the file behind it, a Git LFS pointer.
    """
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise ValueError(f"{what}; save what it holds as text in UTF-8")
    text, encoding = _decoded(data)
    if 8 * text.count("\x00") > len(text):  # one in a list has a row to be told by
        raise ValueError("binary data (it holds zero bytes), no text")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _HTML.match(text[:4096]):
        raise ValueError(
            "a web page (HTML); download the file itself (on GitHub and the hub: its Raw link)"
        )
    if text.startswith(_LFS):
        raise ValueError("a Git LFS pointer, not the file itself; fetch it with: git lfs pull")
    return TextFile(text, encoding)


def load_yaml(text: str) -> object:
    """Plain values of one YAML document. Raises: yaml.YAMLError, RecursionError."""
    return yaml.load(text, Loader=_YamlLoader)  # noqa: S506 (both loaders are the safe ones)


def load_json(text: str) -> Any:
    """One JSON document, in which no key is there twice.

    Raises: json.JSONDecodeError for broken JSON, ValueError for such a key, RecursionError.
    """
    return json.loads(text, object_pairs_hook=_without_a_key_twice)


def _without_a_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} twice")
        found[key] = value
    return found


def _decoded(data: bytes) -> tuple[str, str]:
    for bom, codec, encoding in _BOMS:
        if data.startswith(bom):
            try:
                return data[len(bom) :].decode(codec), encoding
            except UnicodeDecodeError as exc:
                raise ValueError(
                    f"broken {encoding} (byte {exc.start + len(bom)}); save it again as UTF-8"
                ) from None
    if codec := _bare_utf_16(data):
        return data.decode(codec), "UTF-16"
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError as exc:
        wrong = exc.start
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    letters = [char for char in text if char.isalpha()]
    foreign = sum(not char.isascii() for char in letters)
    if (
        not _WESTERN_TEXT.fullmatch(text)
        or _OF_ANOTHER_PAGE.search(text)
        or foreign > _WESTERN_SHARE * len(letters)
    ):
        text = ""
    if not text:
        raise ValueError(f"another encoding (byte {wrong} is none of UTF-8); save it as UTF-8")
    return text, "Windows-1252"


def _bare_utf_16(data: bytes) -> str:
    """The codec of UTF-16 without its mark, or "": every second byte of most text is zero."""
    if len(data) < 4 or len(data) % 2:
        return ""
    even, odd, half = data[0::2].count(0), data[1::2].count(0), len(data) // 2
    for zeros, others, codec in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > 0.6 * half and not others:
            try:
                data.decode(codec)
            except UnicodeDecodeError:
                return ""
            return codec
    return ""
