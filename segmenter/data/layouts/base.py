"""Say where a dataset keeps its files, and read a split of it.

In:  a dataset's Layout, its folder and a split.
Out: Samples sorted by stem, every picture with its label file, or an InputError saying which
     folder was looked at and what was expected there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from langseg.cache.errors import InputError
from langseg.cache.records import ANY_SCENE
from langseg.segmenter.data.sample import Sample

SPLITS = ("train", "val")
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
LABEL_SUFFIXES = (".png",)


def no_scenes(root: Path) -> dict[str, str]:
    """The scenes of a dataset that names none."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a dataset keeps the pictures and labels of each split.

    ``folders``: (pictures, labels) by split, relative to the dataset's folder; ``flat_folders``:
    the pair that stands in where a split has no picture folder of its own;
    ``read_sample_scenes``: from the dataset's folder to the scene of each stem, spaces in its name.
    """

    name: str
    folders: Mapping[str, tuple[str, str]]
    flat_folders: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    read_sample_scenes: Callable[[Path], dict[str, str]] = no_scenes

    def samples(self, root: Path, split: str) -> tuple[Sample, ...]:
        """Arguments, result and errors as for ``find_samples``; ``split`` is one of SPLITS."""
        images_at, labels_at = self._folders_in(root, split)
        images = self._by_stem(images_at, PICTURE_SUFFIXES)
        labels = self._by_stem(labels_at, LABEL_SUFFIXES)
        _check_pairs(images, labels, images_at, labels_at)
        scenes = self.read_sample_scenes(root)
        return tuple(
            Sample(stem, images[stem], labels[stem], scenes.get(stem, ANY_SCENE))
            for stem in sorted(images)
        )

    def _folders_in(self, root: Path, split: str) -> tuple[Path, Path]:
        images, labels = self.folders[split]
        if split in self.flat_folders and not (root / images).exists():
            flat_images, flat_labels = self.flat_folders[split]
            if _files(root / flat_images):
                return root / flat_images, root / flat_labels
        return root / images, root / labels

    def _by_stem(self, folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
        files = [path for path in _files(folder) if path.suffix.lower() in suffixes]
        if not files:
            got = "an empty one" if folder.is_dir() else "no folder"
            expected = ", ".join(name for pair in self.folders.values() for name in pair)
            raise InputError(
                f"{folder}: wanted a folder with {' or '.join(suffixes)} files, got {got}; the "
                f"{self.name} layout has the folders {expected}"
            )
        by_stem: dict[str, Path] = {}
        for path in files:
            other = by_stem.setdefault(path.stem, path)
            if other is not path:
                raise InputError(f"{path}: wanted one file with this stem, also got {other.name}")
        return by_stem


def _files(folder: Path) -> list[Path]:
    """Plain, not hidden files of a folder; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_file() and path.name[0] != "."]


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
