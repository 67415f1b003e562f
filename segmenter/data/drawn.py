"""Draw label files from polygons and brush strokes, once.

In:  pictures; a JSON (COCO, Label Studio), a folder of YOLO's txt files, or these by name; the
     classes by name.
Out: pairs of picture and index PNG, which is kept in a folder under the hash of what it shows.

A pixel is a shape's where its centre is inside, as pycocotools has it. Where shapes overlap, the
smaller is on top, and of two equal ones the later. What no shape covers is the class
``background``, where the list has one, else not labelled.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco

from langseg.cache.errors import InputError
from langseg.cache.files import temporary_beside
from langseg.cache.keys import canonical_json, sha256_hex
from langseg.segmenter.data.images import image_size
from langseg.segmenter.data.layouts.base import Found, found_in, text_of
from langseg.segmenter.data.layouts.pairs import paired, refuse_lonely
from langseg.segmenter.data.sources import Source, open_folder

YOLO_SUFFIXES = (".txt",)
_BACKGROUND = ("background", "bg", "_background_", "__background__")
_NO_LABELS = ("classes", "labels")  # lists of names that tools write beside YOLO's files
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before a file's name


@dataclass(frozen=True)
class ClassIds:
    """``ids``: name -> id, in the list's order; ``rest``: that of what no shape covers."""

    ids: Mapping[str, int]
    rest: int

    @classmethod
    def of(cls, ids: Mapping[str, int], ignore_ids: Sequence[int]) -> "ClassIds":
        """Raises: InputError, where neither a background nor an ignored id is in the list."""
        folded = {name.casefold(): number for name, number in ids.items()}
        rest = next((folded[name] for name in _BACKGROUND if name in folded), None)
        if rest is None and not ignore_ids:
            raise InputError(
                "classes: wanted one named background, or ignore_ids, for what no polygon covers"
            )
        return cls(folded, ignore_ids[0] if rest is None else rest)

    def named(self, name: str, where: object) -> int:
        """Raises: InputError, for a name that the list has not."""
        if name.casefold() not in self.ids:
            raise InputError(f"{where}: wanted classes of the list, got {name!r}; add it there")
        return self.ids[name.casefold()]


@dataclass(frozen=True)
class Shape:
    """``outline``: polygons [x, y, x, y, ...] in pixels, which are one thing; COCO's RLE; or
    ``strokes``, Label Studio's."""

    id: int
    outline: Any


@dataclass(frozen=True)
class _Drawing:
    """Of one picture: (H, W), None for the picture's own, and its shapes."""

    size: tuple[int, int] | None
    shapes: list[Shape]


def drawn_pairs(
    pictures: Found, labels: Path | Found, classes: ClassIds, kept_in: Path
) -> list[tuple[str, Source, Source]]:
    """(stem, picture, index PNG), sorted by stem. Of YOLO's up to half of the pictures may have no
    file: nothing is on those.

    Raises: InputError, for annotations that cannot be read or drawn, and for a picture or an
    annotation without a partner.
    """
    drawings: Mapping[str, Callable[[Source], _Drawing]]
    wanted = pictures.by_stem
    if isinstance(labels, Path) and labels.suffix.lower() == ".json":
        at: object = labels
        drawings = {stem: lambda _, d=one: d for stem, one in _of_json(labels, classes)}  # type: ignore[misc]
        pairs = paired(wanted.keys(), drawings.keys())
    else:
        if isinstance(labels, Path):
            labels = found_in(open_folder(labels), YOLO_SUFFIXES, nested=True)
        at = labels.at
        drawings = {
            stem: lambda picture, file=file: _of_yolo(file, image_size(picture), classes)  # type: ignore[misc]
            for stem, file in labels.by_stem.items()
            if stem not in _NO_LABELS
        }
        pairs = paired(wanted.keys(), drawings.keys())
        if 2 * len(pairs) >= len(wanted):
            wanted = {stem: picture for stem, picture in wanted.items() if stem in pairs}
    refuse_lonely(pairs, wanted, {stem: f"{at}: {stem}" for stem in drawings}, pictures.at, at)

    def drawing(stem: str, picture: Source) -> _Drawing:
        return drawings[pairs[stem]](picture) if stem in pairs else _Drawing(None, [])

    return [
        (stem, picture, _kept(drawing(stem, picture), classes.rest, kept_in, picture))
        for stem, picture in sorted(pictures.by_stem.items())
    ]


def _kept(drawing: _Drawing, rest: int, folder: Path, picture: Source) -> Path:
    size = drawing.size or image_size(picture)
    what = {"size": size, "rest": rest, "shapes": [[s.id, s.outline] for s in drawing.shapes]}
    name = sha256_hex(canonical_json(what))
    path = folder / name[:2] / f"{name[:32]}.png"
    if not path.exists():
        try:
            ids = draw(size, drawing.shapes, rest)
        except (ValueError, TypeError, IndexError, LookupError) as exc:
            raise InputError(f"{picture}: its shapes cannot be drawn ({exc})") from exc
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = temporary_beside(path)  # unsynced: what a power cut leaves can be drawn again
        Image.fromarray(ids).save(beside, "PNG")
        beside.replace(path)
    return path


def draw(size: tuple[int, int], shapes: Sequence[Shape], rest: int) -> NDArray[np.uint16]:
    """Ids [H, W]. Raises: ValueError, for a shape that is none."""
    masks = [(_mask(shape.outline, size), shape.id) for shape in shapes]
    ids = np.full(size, rest, np.uint16)
    for mask, number in sorted(masks, key=lambda one: -int(one[0].sum())):
        ids[mask] = number
    return ids


def _mask(outline: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    height, width = size
    if isinstance(outline, Mapping) and "strokes" in outline:
        return _strokes(outline["strokes"], size)
    if isinstance(outline, Mapping):
        rle = dict(outline)
        if tuple(rle["size"]) != size:
            raise ValueError(f"an RLE of {rle['size']} in a picture of {list(size)}")
        if isinstance(rle["counts"], list):
            rle = coco.frPyObjects(rle, height, width)
        return np.asarray(coco.decode(rle)).astype(bool)
    parts = [part for part in outline if len(part) >= 6]
    if not parts:
        return np.zeros(size, bool)
    if any(len(part) % 2 for part in parts):
        raise ValueError("a polygon with an odd number of coordinates")
    return np.asarray(coco.decode(coco.merge(coco.frPyObjects(parts, height, width)))).astype(bool)


# ---- JSON: COCO, Label Studio


def _of_json(file: Path, classes: ClassIds) -> Iterator[tuple[str, _Drawing]]:
    try:
        document = json.loads(text_of(file))
    except OSError as exc:
        raise InputError(f"{file}: wanted annotations, got {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{file}: wanted JSON, got {exc}") from exc
    try:
        if isinstance(document, dict) and {"images", "annotations"} <= document.keys():
            yield from _of_coco(document, classes, file)
        elif isinstance(document, list):
            yield from _of_label_studio(document, classes, file)
        else:
            raise InputError(
                f"{file}: wanted COCO's images and annotations, or Label Studio's tasks, got others"
            )
    except (LookupError, TypeError, ValueError, AttributeError) as exc:
        raise InputError(f"{file}: wanted annotations in their usual form, got {exc!r}") from exc


def _of_coco(
    document: dict[str, Any], classes: ClassIds, file: Path
) -> Iterator[tuple[str, _Drawing]]:
    names = {one["id"]: one["name"] for one in document["categories"]}
    shapes: dict[Any, list[Shape]] = {one["id"]: [] for one in document["images"]}
    for one in document["annotations"]:
        outline = one.get("segmentation")
        if not outline:
            raise InputError(
                f"{file}: wanted polygons or masks, got annotation {one['id']} with a box alone; "
                "draw it, or leave it out of the file"
            )
        shapes[one["image_id"]].append(
            Shape(classes.named(names[one["category_id"]], file), outline)
        )
    for image in document["images"]:
        stem = os.path.splitext(image["file_name"])[0]
        size = image.get("height"), image.get("width")  # some tools leave them out
        yield stem, _Drawing(None if None in size else size, shapes[image["id"]])


def _of_label_studio(
    tasks: list[Any], classes: ClassIds, file: Path
) -> Iterator[tuple[str, _Drawing]]:
    for task in tasks:
        done = [one for one in task.get("annotations", task.get("completions", []))
                if not one.get("was_cancelled")]  # fmt: skip
        if not done:
            continue
        size, shapes = None, []
        for result in done[-1]["result"]:
            kind = result.get("type")
            if kind not in ("polygonlabels", "brushlabels"):
                if kind and kind.endswith("labels"):
                    raise InputError(f"{file}: wanted polygons or brush strokes, got {kind}")
                continue
            height, width = size = result["original_height"], result["original_width"]
            value = result["value"]
            (name,) = value[kind]
            if kind == "brushlabels":
                outline: Any = {"strokes": value["rle"]}
            else:
                outline = [[c for x, y in value["points"]
                            for c in (x * width / 100, y * height / 100)]]  # fmt: skip
            shapes.append(Shape(classes.named(name, file), outline))
        name = next(v for v in task["data"].values() if isinstance(v, str) and "." in v)
        name = unquote(name.rpartition("=")[2]).rpartition("/")[2]
        stem = _UPLOAD.sub("", os.path.splitext(name)[0])
        yield stem, _Drawing(size, shapes)


def _strokes(data: Sequence[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Label Studio's packed RGBA picture, of which the alpha says where the brush was.

    32 bits of length, 5 of a word's size - 1, four times 4 of a run's size - 1; then runs: a bit
    (of one value, or each its own), 2 bits which size, the run's length - 1, its values.
    """
    bits = "".join(f"{byte:08b}" for byte in data)
    at = 0

    def read(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    length, word = read(32), read(5) + 1
    if length != size[0] * size[1] * 4:
        raise ValueError(f"brush strokes of {length} bytes in a picture of {list(size)}")
    sizes = [read(4) + 1 for _ in range(4)]
    out = np.zeros(length, np.uint8)
    place = 0
    while place < length:
        same = read(1)
        end = place + 1 + read(sizes[read(2)])
        if same:
            out[place:end] = read(word)
        else:
            out[place:end] = [read(word) for _ in range(end - place)]
        place = end
    return out.reshape(*size, 4)[..., 3] > 0


# ---- YOLO


def _of_yolo(file: Source, size: tuple[int, int], classes: ClassIds) -> _Drawing:
    """A line a polygon: the class's place in the list (its id, where ids are the places in another
    order), then x y x y ... of 0..1."""
    order = [*classes.ids.values()]
    if sorted(order) == [*range(len(order))]:
        order.sort()
    shapes = []
    for number, line in enumerate(text_of(file).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{file} line {number}"
        try:
            place, *points = map(float, line.split())
        except ValueError as exc:
            raise InputError(f"{where}: wanted numbers, got {exc}") from exc
        if len(points) == 4:
            raise InputError(f"{where}: wanted a polygon, got a box; boxes are no segmentation")
        if len(points) < 6 or len(points) % 2:
            raise InputError(f"{where}: wanted x y of three points at least, got {len(points)}")
        if not (place.is_integer() and 0 <= place < len(order)):
            raise InputError(
                f"{where}: wanted a class of 0..{len(order) - 1}, got {place:g}; the list has "
                f"{len(order)}"
            )
        if min(points) < -0.01 or max(points) > 1.01:
            far = max(points, key=lambda v: abs(v - 0.5))
            raise InputError(f"{where}: wanted coordinates of 0..1, got {far:g}")
        scale = (size[1], size[0])
        pixels = [min(max(v, 0), 1) * scale[i % 2] for i, v in enumerate(points)]
        shapes.append(Shape(order[int(place)], [pixels]))
    return _Drawing(size, shapes)
