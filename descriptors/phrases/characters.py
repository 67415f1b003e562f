"""Which characters a class name or a phrase may be made of.

In:  text from a person or from an LLM.
Out: the first character that does not belong, by its Unicode name; and a printable form.

Letters, marks and digits of any script are plain; control, bidi and invisible characters never
are, because they make two texts look alike that are not, or reach a terminal as commands. A joiner
is plain only where a script is written with it: between letters of Arabic, Persian or an Indic one.
"""

import re
import unicodedata

# letters and marks that draw nothing (Unicode: Default_Ignorable_Code_Point in L* and M*)
_INVISIBLE = {
    *map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0)),
    *map(chr, range(0x180B, 0x1810)),
    *map(chr, range(0xFE00, 0xFE10)),
    *map(chr, range(0xE0100, 0xE01F0)),
}
_NON_JOINER, _JOINER = "\u200c", "\u200d"
# Arabic and Syriac with their forms, Indic scripts to Sinhala, Burmese, Khmer
_JOINED_SCRIPTS = re.compile(
    "[\u0600-\u08ff\ufb50-\ufdff\ufe70-\ufefc\u0900-\u0dff\u1000-\u109f\u1780-\u17ff]"
)
_PICTURE_STYLES = ("\ufe0e", "\ufe0f")  # as text, as a picture


def unseen_character(text: str) -> str:
    """Name of the first control, bidi, invisible or unassigned character, or ``""``."""
    if text.isascii() and text.isprintable():
        return ""
    for place, char in enumerate(text):
        if _is_unseen(text, place):
            return f"U+{ord(char):04X} {unicodedata.name(char, 'without a name')}"
    return ""


def without_picture_marks(text: str) -> str:
    """The text without what joins the pictures of an emoji, and says how one is drawn."""
    places = range(len(text))
    return "".join(text[place] for place in places if not _shapes_picture(text, place))


def printable(text: str, max_chars: int = 200) -> str:
    """The text with every unseen character written out (``\\u202e``), cut with ``…``.

    What comes out can be encoded as UTF-8, stored and shown in a terminal.
    """
    if len(text) <= max_chars and text.isascii() and text.isprintable():
        return text
    cut = text if len(text) <= max_chars else text[: max_chars - 1] + "…"
    return "".join(
        char if not _is_unseen(cut, place) else char.encode("unicode_escape").decode()
        for place, char in enumerate(cut)
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


def _is_unseen(text: str, place: int) -> bool:
    char = text[place]
    kind = unicodedata.category(char)
    if kind[0] != "C" and kind not in ("Zl", "Zp") and char not in _INVISIBLE:
        return False
    return not _joins_letters(text, place)


def _joins_letters(text: str, place: int) -> bool:
    around = text[max(place - 1, 0) : place + 2]
    return (
        text[place] in (_NON_JOINER, _JOINER)
        and len(around) == 3
        and all(map(_JOINED_SCRIPTS.match, (around[0], around[2])))
    )


def _shapes_picture(text: str, place: int) -> bool:
    """Whether a character joins the pictures of an emoji, or says how one is drawn."""
    before = text[place - 1] if place else ""
    if before in _PICTURE_STYLES:
        before = text[place - 2 : place - 1]
    is_picture = bool(before) and unicodedata.category(before) in ("So", "Sk")
    if text[place] == _JOINER:
        return is_picture and unicodedata.category(text[place + 1 : place + 2] or " ") == "So"
    return is_picture and text[place] in _PICTURE_STYLES and text[place - 1] == before
