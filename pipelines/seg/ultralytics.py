"""Read Ultralytics' ``data.yaml`` as the ``dataset.yaml`` of one's own that means the same.

In:  a YAML file.
Out: the lines of a ``dataset.yaml``; None for a file that is no ``data.yaml``.

    path: coco8-seg       # from the file's folder, or from the working directory
    train: images/train   # a folder; labels/train, beside it, has a txt file a picture
    val: images/val
    names: {0: person, 1: bicycle}
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from langseg.cache.errors import UsageError


def ultralytics_lines(file: Path) -> dict[str, Any] | None:
    """Raises: UsageError, for pictures that are in no folder."""
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None
    if not isinstance(document, dict) or "names" not in document or "classes" in document:
        return None
    lines: dict[str, Any] = {"classes": file.name}
    for split, before in (("train", ""), ("val", "val_")):
        if document.get(split) is not None:
            images = _folder(file, document.get("path") or ".", split, document[split])
            lines |= {f"{before}images": images, f"{before}labels": _labels_of(images)}
    return lines if "images" in lines else None


def _folder(file: Path, root: object, split: str, place: object) -> Path:
    only = place[0] if isinstance(place, list) and len(place) == 1 else place
    if not isinstance(only, str) or only.endswith(".txt"):
        raise UsageError(f"{file}: wanted one folder of pictures for {split}, got {place!r:.80}")
    tried = list(dict.fromkeys(_places(file, Path(str(root)), only)))
    return next((folder for folder in tried if folder.is_dir()), tried[0])


def _places(file: Path, root: Path, place: str) -> Iterator[Path]:
    """Where it may be: what Roboflow exports begins with a ``../`` that is not meant."""
    for below in (place, place.removeprefix("../")):
        for above in (file.parent / root, root):
            yield above / below


def _labels_of(images: Path) -> Path:
    """``a/labels/train`` of ``a/images/train``: the last ``images`` counts; without one, beside."""
    parts = list(images.parts)
    if "images" not in parts:
        return images
    parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts)
