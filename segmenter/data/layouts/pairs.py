"""Find the label file of each picture by their names.

In:  names of pictures and of label files, without their suffixes: ``city/a``.
Out: which label file belongs to which picture; or the first that has no partner.

The names are equal, mostly. Where they are not, they may differ in what nobody sees (Unicode form,
as macOS writes it), in case, in what tools add (``a_mask``, ``a.jpg``), or in the folder. Each of
these is tried in turn, and only where it leaves no choice.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches

from langseg.cache.counted import counted
from langseg.cache.errors import InputError

_LABEL = r"masks?|labels?|lbl|gt|ground[_ -]?truth|seg|segm|segmentation|annotation|annot|manual\d?"
_PICTURE = r"image|img|photo|picture|rgb|sat|leftImg8bit"
_ADDED = re.compile(
    rf"\.(jpe?g|png|tiff?|bmp|webp)$|[_. -]({_LABEL}|{_PICTURE})$|^({_LABEL}|{_PICTURE})[_. -]",
    re.I,
)


def paired(pictures: Collection[str], labels: Collection[str]) -> Mapping[str, str]:
    """Picture -> label file, for those that have a partner."""
    if pictures == labels:
        return {name: name for name in pictures}
    pairs: dict[str, str] = {name: name for name in pictures if name in labels}
    free_pictures = set(pictures) - pairs.keys()
    free_labels = set(labels) - pairs.keys()
    for alike in (normal_name, str.casefold, _bare, _last):
        by_form = {
            side: _unique(names, alike)
            for side, names in (("picture", free_pictures), ("label", free_labels))
        }
        found = {
            name: by_form["label"][form]
            for form, name in by_form["picture"].items()
            if form in by_form["label"]
        }
        pairs |= found
        free_pictures -= found.keys()
        free_labels -= set(found.values())
    return pairs


def refuse_lonely(
    pairs: Mapping[str, str], pictures: Mapping[str, object], labels: Mapping[str, object],
    pictures_at: object, labels_at: object,
) -> None:  # fmt: skip
    """Raises: InputError, for the first picture or label file that has no partner."""
    for have, taken, lack, lack_at in (
        (pictures, pairs.keys(), labels, labels_at),
        (labels, set(pairs.values()), pictures, pictures_at),
    ):
        if alone := sorted(have.keys() - taken):
            near = get_close_matches(alone[0], list(lack)[:100_000], n=1)
            nearest = f", the nearest name is {near[0]}" if near else ""
            raise InputError(
                f"{have[alone[0]]}: wanted a partner named {alone[0]} in {lack_at}, got none "
                f"(without a partner: {len(alone)} of {counted(len(have), 'file')}{nearest})"
            )


def normal_name(name: str) -> str:
    """In the one Unicode form."""
    return unicodedata.normalize("NFC", name)


def _unique(names: Collection[str], form: Callable[[str], str]) -> dict[str, str]:
    """Form -> name, for the forms that one name alone has."""
    by_form: dict[str, str | None] = {}
    for name in names:
        key = form(normal_name(name))
        by_form[key] = None if key in by_form else name
    return {key: name for key, name in by_form.items() if name is not None}


def _bare(name: str) -> str:
    """Without what tools add to a name, at either end."""
    folder, slash, last = name.casefold().rpartition("/")
    while (less := _ADDED.sub("", last)) not in ("", last):
        last = less
    return folder + slash + last


def _last(name: str) -> str:
    return _bare(name).rpartition("/")[2]
