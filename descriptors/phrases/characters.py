"""Which characters a class name or a phrase may be made of.

In:  text from a person or from an LLM.
Out: the first character that does not belong, by its Unicode name; and a printable form.

Letters, marks and digits of any script are plain; control, bidi and invisible characters never
are, because they make two texts look alike that are not, or reach a terminal as commands.
"""

import re
import unicodedata
from functools import lru_cache

# letters and marks that draw nothing (Unicode: Default_Ignorable_Code_Point in L* and M*)
_INVISIBLE = {
    *map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0)),
    *map(chr, range(0x180B, 0x1810)),
    *map(chr, range(0xFE00, 0xFE10)),
    *map(chr, range(0xE0100, 0xE01F0)),
}


def foreign_character(text: str, punctuation: str) -> str:
    """Name of the first character that is no letter, mark, digit or one of ``punctuation``.

    Returns: such as ``U+202E RIGHT-TO-LEFT OVERRIDE``, or ``""`` when there is none.
    """
    if text.isascii() and _ascii_of(punctuation).fullmatch(text):
        return ""  # as nearly every text is: a tenth of the time
    for char in text:
        kind = unicodedata.category(char)
        plain = (kind[0] in "LM" or kind == "Nd") and char not in _INVISIBLE
        if not plain and char not in punctuation:
            return f"U+{ord(char):04X} {unicodedata.name(char, 'without a name')}"
    return ""


def unseen_character(text: str) -> str:
    """Name of the first control, bidi, invisible or unassigned character, or ``""``."""
    for char in text:
        kind = unicodedata.category(char)
        if kind[0] == "C" or kind in ("Zl", "Zp") or char in _INVISIBLE:
            return f"U+{ord(char):04X} {unicodedata.name(char, 'without a name')}"
    return ""


def printable(text: str, max_chars: int = 200) -> str:
    """The text with every unseen character written out (``\\u202e``), cut with ``…``.

    What comes out can be encoded as UTF-8, stored and shown in a terminal.
    """
    if len(text) <= max_chars and text.isascii() and text.isprintable():
        return text
    cut = text if len(text) <= max_chars else text[: max_chars - 1] + "…"
    return "".join(
        char if not unseen_character(char) else char.encode("unicode_escape").decode()
        for char in cut
    )


def shown(value: object, max_chars: int = 60) -> str:
    """A value from a file as an error may quote it; of a container only its type.

    (The repr of a YAML alias bomb fills the memory, and one of 5000 digits raises.)
    """
    if isinstance(value, str):
        return repr(printable(value, max_chars))
    if value is None or isinstance(value, (bool, float)):
        return repr(value)
    if isinstance(value, int) and abs(value) < 10**18:
        return repr(value)
    return f"a value of type {type(value).__name__}"


@lru_cache(maxsize=16)
def _ascii_of(punctuation: str) -> re.Pattern[str]:
    """Matches texts of ASCII letters, digits and some punctuation only."""
    return re.compile(f"[A-Za-z0-9{re.escape(punctuation)}]*")
