"""Find the pictures and labels of a dataset folder.

In:  a folder in one of the layouts below, and a split.
Out: Samples sorted by stem, every picture with its label file, or an InputError saying which
     folder was looked at and what was expected there.

    ade20k   images/{training,validation}/*.jpg  annotations/{training,validation}/*.png
             the flat images/ + annotations/ of the development kit counts as "val";
             sceneCategories.txt, where there is one, gives the scenes
    camvid   {train,val}/*  {train,val}annot/*.png
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from langseg.cache.errors import InputError
from langseg.cache.keys import sha256_hex
from langseg.cache.records import ANY_SCENE

SPLITS = ("train", "val")
_FOLDERS = {
    ("ade20k", "train"): ("images/training", "annotations/training"),
    ("ade20k", "val"): ("images/validation", "annotations/validation"),
    ("camvid", "train"): ("train", "trainannot"),
    ("camvid", "val"): ("val", "valannot"),
}
LAYOUTS = tuple(dict.fromkeys(layout for layout, _ in _FOLDERS))
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_SCENES_FILE = "sceneCategories.txt"


@dataclass(frozen=True)
class Sample:
    """One picture. ``labels`` is None where there is no ground truth, ``scene`` ``*`` where it
    is not known; scene names have spaces ("living room")."""

    stem: str
    image: Path
    labels: Path | None
    scene: str


def find_samples(layout: str, root: Path, split: str) -> tuple[Sample, ...]:
    """All labelled pictures of a split, sorted by stem; pairs are made by stem.

    Raises: InputError, for an unknown layout or split, a missing or empty folder, a picture
    without labels, labels without a picture, or two pictures with one stem.
    """
    images_at, labels_at = _folders(layout, root, split)
    images = _by_stem(images_at, _PICTURES, layout)
    labels = _by_stem(labels_at, (".png",), layout)
    _check_pairs(images, labels, images_at, labels_at)
    scenes = _read_scenes(root / _SCENES_FILE) if layout == "ade20k" else {}
    return tuple(
        Sample(stem, images[stem], labels[stem], scenes.get(stem, ANY_SCENE))
        for stem in sorted(images)
    )


def dataset_hash(samples: Iterable[Sample]) -> str:
    """sha256 over stems, scenes and the sizes of the files in bytes; no file is read.

    Raises: InputError, for a file that is not there.
    """
    lines = (
        f"{sample.stem} {sample.scene} {_size(sample.image)} "
        f"{0 if sample.labels is None else _size(sample.labels)}"
        for sample in samples
    )
    return sha256_hex("\n".join(lines))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as exc:
        raise InputError(f"{path}: wanted a file of the dataset, got {exc.strerror}") from exc


def _folders(layout: str, root: Path, split: str) -> tuple[Path, Path]:
    if (layout, split) not in _FOLDERS:
        raise InputError(
            f"dataset: wanted a layout of {', '.join(LAYOUTS)} and a split of {', '.join(SPLITS)}, "
            f"got layout {layout!r} and split {split!r}"
        )
    images, labels = (root / part for part in _FOLDERS[layout, split])
    flat = root / "images"
    if layout == "ade20k" and split == "val" and not images.exists() and _files(flat):
        return flat, root / "annotations"
    return images, labels


def _files(folder: Path) -> list[Path]:
    """Plain, not hidden files of a folder; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_file() and path.name[0] != "."]


def _by_stem(folder: Path, suffixes: tuple[str, ...], layout: str) -> dict[str, Path]:
    files = [path for path in _files(folder) if path.suffix.lower() in suffixes]
    if not files:
        found = "an empty one" if folder.is_dir() else "no folder"
        expected = ", ".join(part for key, parts in _FOLDERS.items() if key[0] == layout
                             for part in parts)  # fmt: skip
        raise InputError(
            f"{folder}: wanted a folder with {' or '.join(suffixes)} files, got {found}; the "
            f"{layout} layout has the folders {expected}"
        )
    by_stem: dict[str, Path] = {}
    for path in files:
        other = by_stem.setdefault(path.stem, path)
        if other is not path:
            raise InputError(f"{path}: wanted one file with this stem, also got {other.name}")
    return by_stem


def _check_pairs(
    images: dict[str, Path], labels: dict[str, Path], images_at: Path, labels_at: Path
) -> None:
    for have, at, lack, lack_at in (
        (images, images_at, labels, labels_at),
        (labels, labels_at, images, images_at),
    ):
        alone = sorted(set(have) - set(lack))
        if alone:
            raise InputError(
                f"{at / have[alone[0]].name}: wanted a partner named {alone[0]} in {lack_at}, got "
                f"none ({len(alone)} of {len(have)} files have no partner)"
            )


def _read_scenes(path: Path) -> dict[str, str]:
    """Scene of each stem, from lines ``<stem> <scene_name>``; empty where there is no file."""
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise InputError(f"{path}: wanted UTF-8 text, got {exc}; save it as UTF-8") from exc
    scenes = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match line.split():
            case []:
                continue
            case [stem, scene]:
                scenes[stem] = scene.replace("_", " ")
            case _:
                raise InputError(f"{path} line {number}: wanted '<stem> <scene>', got {line!r}")
    return scenes
