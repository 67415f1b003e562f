"""Read a label file as the ids it holds, whichever way it stores them.

In:  a label file (PNG, TIFF, BMP or GIF) and its Encoding, which its dataset's layout knows.
Out: RawLabels: the dataset's own ids [H, W], before any class is looked up.

JPEG is never a label file: it changes values at every edge. What could be read in two ways is
refused: half transparent pixels, 16 bits a channel in colours.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from langseg.cache.counted import counted
from langseg.cache.errors import InputError
from langseg.segmenter.data.images import at_page, loaded, open_image
from langseg.segmenter.data.sources import Source

LABEL_FORMATS = ("PNG", "TIFF", "BMP", "GIF")
LABEL_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif")
Rgb = tuple[int, int, int]
_SPREAD = {"L;2": 85, "L;4": 17}  # Pillow stretches 2- and 4-bit grey to 0..255: 3 arrives as 255
_INDEX_MODES = ("1", "L", "P", "I", "I;16", "I;16B")
_COLOURS_SHOWN = 3


@dataclass(frozen=True)
class IndexValues:
    """A value a pixel (of a palette the index, not the colour): the id, or what ``table`` makes
    of it, which then has to name every value."""

    table: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class ColourValues:
    """A colour a pixel, from a palette or not; ``ids``: the id of each."""

    ids: tuple[tuple[Rgb, int], ...]


@dataclass(frozen=True)
class SegmentValues:
    """The official COCO panoptic PNG: red + 256 green + 65536 blue is a segment of this picture.

    ``ids``: uint32 pairs (segment, id) in bytes, which 120,000 pictures can hold.
    """

    ids: bytes


@dataclass(frozen=True)
class RedGreenValues:
    """The full ADE20K's ``_seg.png``: red // 10 * 256 + green is an object's number, of which
    ``table`` gives the id; every other number is ``rest``."""

    table: tuple[tuple[int, int], ...]
    rest: int


Encoding = IndexValues | ColourValues | SegmentValues | RedGreenValues
INDEX = IndexValues()


@dataclass(frozen=True)
class RawLabels:
    """``ids`` [H, W] of any whole dtype; ``palette``: the bytes of the colours of a palette file,
    by which files can be told apart that mean other classes by one index."""

    ids: NDArray[np.integer]
    palette: bytes | None


def read_raw(source: Source, encoding: Encoding = INDEX, page: int | None = None) -> RawLabels:
    """Ids of a label file. ``page``: of a file that has several.

    Raises: InputError, for a file that is damaged, of another format, or not in that encoding.
    """
    with open_image(source, LABEL_FORMATS) as file:
        at_page(file, page, str(source))
        stored = _stored_as(file)
        if file.format == "TIFF" and "jpeg" in str(file.info.get("compression")):
            raise InputError(f"{source}: wanted whole labels, got a TIFF packed as JPEG")
        image = loaded(file, str(source))
    palette = image.palette.tobytes() if image.mode == "P" and image.palette else None
    if isinstance(encoding, IndexValues):
        values = _index_values(image, stored, source)
        return RawLabels(_looked_up(values, encoding.table, source), palette)
    if stored.endswith((";16B", ";16L", ";16N")):
        raise InputError(f"{source}: wanted colours of 8 bits a channel, got 16 ({stored})")
    packed = _packed(np.asarray(image.convert("RGBA")))
    if isinstance(encoding, ColourValues):
        return RawLabels(_ids_of_colours(packed, encoding, source), palette)
    if isinstance(encoding, SegmentValues):
        return RawLabels(_ids_of_segments(packed, encoding, source), None)
    numbers = (packed & 0xFF) // 10 * 256 + (packed >> 8 & 0xFF)
    table = np.full(1 << 16, encoding.rest, np.int32)
    known = np.array(encoding.table, np.int32)
    table[known[:, 0]] = known[:, 1]
    return RawLabels(table[numbers], None)


def _packed(rgba: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Colours [H, W, 4] as red + 256 green + 65536 blue [H, W]."""
    values: NDArray[np.uint32] = rgba.view("<u4")[..., 0]
    return values & np.uint32(0xFFFFFF)


def _stored_as(file: ImageFile.ImageFile) -> str:
    """What a pixel is in the file, such as ``L;2``: Pillow's mode of it says 8 bits."""
    arguments = file.tile[0][3] if file.tile else None
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _index_values(image: Image.Image, stored: str, source: Source) -> NDArray[np.integer]:
    if image.mode in _INDEX_MODES:
        values = np.asarray(image)
        if values.dtype == np.bool_:
            return values.astype(np.uint8)
        return values // _SPREAD[stored] if stored in _SPREAD else values
    if image.mode not in ("LA", "RGB", "RGBA", "PA") or stored.endswith((";16B", ";16L")):
        raise InputError(
            f"{source}: wanted labels with one whole value a pixel (8-bit, 16-bit or palette), got "
            f"{image.mode} ({stored}); export them as index PNGs"
        )
    rgba = np.asarray(image.convert("RGBA"))
    opaque = (rgba[..., 3] == 255).all()
    if opaque and (rgba[..., 0] == rgba[..., 1]).all() and (rgba[..., 1] == rgba[..., 2]).all():
        return rgba[..., 0]
    if not opaque and image.mode == "LA":
        raise InputError(
            f"{source}: wanted labels with one value a pixel, got transparent pixels, too; save "
            "them without transparency"
        )
    raise InputError(
        f"{source}: wanted labels with one value a pixel (8-bit, 16-bit or palette), got colours: "
        f"{_commonest(_packed(rgba))}; give the classes their colours, in "
        "the class list (colour: '#rrggbb') or with --colours, or save the classes' ids"
    )


def _looked_up(
    values: NDArray[np.integer], table: tuple[tuple[int, int], ...], source: Source
) -> NDArray[np.integer]:
    if not table:
        return values
    lookup = _lookup(table)
    small = (values >= 0) & (values < len(lookup))
    ids: NDArray[np.integer] = np.where(small, lookup[np.where(small, values, 0)], -1)
    if (ids < 0).any():
        wrong, counts = np.unique(values[ids < 0], return_counts=True)
        raise InputError(
            f"{source}: label value {wrong[0]} on {counted(counts[0], 'pixel')} is none that this "
            "dataset has"
        )
    return ids


@lru_cache(maxsize=8)
def _lookup(table: tuple[tuple[int, int], ...]) -> NDArray[np.int32]:
    lookup = np.full(max(value for value, _ in table) + 1, -1, np.int32)
    for value, number in table:
        lookup[value] = number
    return lookup


def _ids_of_colours(
    packed: NDArray[np.uint32], encoding: ColourValues, source: Source
) -> NDArray[np.integer]:
    pairs = [(r | g << 8 | b << 16, number) for (r, g, b), number in encoding.ids]
    ids, strange = _named(packed, np.array(pairs, np.int64))
    if strange.any():
        raise InputError(
            f"{source}: wanted the classes' colours, got others: {_commonest(packed[strange])}; "
            "add them to the class list or the palette file, as a class or to be ignored"
        )
    return ids


def _ids_of_segments(
    packed: NDArray[np.uint32], encoding: SegmentValues, source: Source
) -> NDArray[np.integer]:
    pairs = np.frombuffer(encoding.ids, np.uint32).reshape(-1, 2)
    known = np.concatenate([pairs, np.zeros((1, 2), np.uint32)])  # 0: not labelled
    ids, strange = _named(packed, known)
    if strange.any():
        raise InputError(
            f"{source}: wanted the segments that its JSON lists, got segment "
            f"{packed[strange][0]} on {counted(int((packed == packed[strange][0]).sum()), 'pixel')}"
        )
    return ids


def _named(
    packed: NDArray[np.uint32], pairs: NDArray[np.integer]
) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
    """The id of each pixel by the pairs (colour, id), and which pixels are of no pair."""
    known = pairs[np.argsort(pairs[:, 0])]
    places = np.searchsorted(known[:, 0], packed).clip(max=len(known) - 1)
    return known[places, 1], known[places, 0] != packed


def _commonest(packed: NDArray[np.uint32]) -> str:
    """``#ff0000 on 812 pixels, #00ff00 on 5``: the commonest colours, and how many more."""
    colours, counts = np.unique(packed, return_counts=True)
    order = np.argsort(-counts)[:_COLOURS_SHOWN]
    shown = [
        f"#{c & 255:02x}{c >> 8 & 255:02x}{c >> 16:02x} on {counted(n, 'pixel')}"
        for c, n in zip(colours[order].tolist(), counts[order].tolist(), strict=True)
    ]
    more = len(colours) - len(shown)
    return ", ".join(shown) + (f" and {counted(more, 'more colour')}" if more > 0 else "")
