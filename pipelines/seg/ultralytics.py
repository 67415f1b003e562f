"""Read Ultralytics' ``data.yaml`` as the ``dataset.yaml`` of one's own that means the same.

In:  a YAML file.
Out: the lines of a ``dataset.yaml``, and the pictures that its splits list, with their labels;
     None for a file that is no ``data.yaml``.

    path: coco8-seg       # from the file's folder, or from the working directory
    train: images/train   # a folder; labels/train, beside it, has a txt file a picture
    val: [images/val, val.txt]  # several; of a list each line is a picture's path
    names: {0: person, 1: bicycle}
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from langseg.cache.errors import InputError, UsageError
from langseg.segmenter.data.layouts.base import PICTURE_SUFFIXES, found_in, text_of
from langseg.segmenter.data.sources import open_folder

_SPLITS = {"train": "", "val": "val_"}


@dataclass(frozen=True)
class Ultralytics:
    """``lines`` of a ``dataset.yaml``; ``listed``: the folders and lists of the splits that are
    not one folder; ``root``: where the paths in these lists begin."""

    lines: dict[str, Any]
    listed: Mapping[str, Sequence[Path]]
    root: Path

    def pictures(self, split: str) -> dict[Path, Path]:
        """Where the labels of each picture are, of a split that is ``listed``.

        Raises: InputError, for a picture that is not there.
        """
        found: dict[Path, None] = {}
        for place in self.listed[split]:
            if place.is_file():
                found |= dict.fromkeys(self._in_list(place))
            else:
                files = found_in(open_folder(place), PICTURE_SUFFIXES, nested=True).by_stem
                found |= dict.fromkeys(Path(str(file)) for file in files.values())
        if not found:
            raise InputError(f"{self.listed[split][0]}: wanted pictures for {split}, found none")
        return {picture: _labels_of(picture).with_suffix(".txt") for picture in found}

    def _in_list(self, file: Path) -> Iterator[Path]:
        for number, line in enumerate(text_of(file).splitlines(), start=1):
            name = line.strip()
            if not name.lower().endswith(PICTURE_SUFFIXES):
                continue
            tried = [file.parent / name, self.root / name, Path(name)]
            if not name.startswith("./"):
                tried = [*tried[1:], tried[0]]
            picture = next((each for each in tried if each.is_file()), None)
            if picture is None:
                raise InputError(
                    f"{file} line {number}: wanted a picture's path, from {self.root} or after ./ "
                    f"from {file.parent}, found none at {name}"
                )
            yield Path(os.path.normpath(picture))


def ultralytics(file: Path) -> Ultralytics | None:
    """Raises: UsageError, for a split that is no path and no list of them."""
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None
    if not isinstance(document, dict) or "names" not in document or "classes" in document:
        return None
    root = Path(str(document.get("path") or "."))
    lines: dict[str, Any] = {"classes": file.name}
    listed: dict[str, list[Path]] = {}
    for split, before in _SPLITS.items():
        given = document.get(split)
        if given is None:
            continue
        names = given if isinstance(given, list) else [given]
        if not names or not all(isinstance(name, str) for name in names):
            raise UsageError(
                f"{file}: wanted a folder of pictures for {split}, a .txt that lists them, or "
                f"several of these, got {given!r:.80}"
            )
        places = [_place(file, root, name) for name in names]
        images, labels = places[0], _labels_of(places[0])
        if len(places) > 1 or names[0].endswith(".txt"):
            listed[split] = places
            images = labels = file.parent
        lines |= {f"{before}images": images, f"{before}labels": labels}
    if "images" not in lines:
        return None
    begin = file.parent / root
    return Ultralytics(lines, listed, begin if begin.is_dir() else root)


def _place(file: Path, root: Path, name: str) -> Path:
    tried = list(dict.fromkeys(_places(file, root, name)))
    return next((place for place in tried if place.exists()), tried[0])


def _places(file: Path, root: Path, name: str) -> Iterator[Path]:
    """Where it may be: what Roboflow exports begins with a ``../`` that is not meant."""
    for below in (name, name.removeprefix("../")):
        for above in (file.parent / root, root):
            yield above / below


def _labels_of(images: Path) -> Path:
    """``a/labels/train`` of ``a/images/train``: the last ``images`` counts; without one, beside."""
    parts = list(images.parts)
    if "images" not in parts:
        return images
    parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts)
