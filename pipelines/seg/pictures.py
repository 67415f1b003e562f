"""Find the pictures that a command line means, and say where what is made of each goes.

In:  files, folders and globs as they were given; the folder for the results.
Out: each picture once, with the files of its mask and its overlay, no two the same; or one error.

The name of a result is the picture's, with `.png`. A folder or a glob keeps its layout below the
results' folder, and where several things are given each folder keeps its own name. Where two
pictures of different folders would meet, all keep their folders below the one that they share;
where two of one folder would (`x.jpg`, `x.png`), they keep their suffix: `x.jpg.png`.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from langseg.cache.errors import InputError, UsageError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class Wanted:
    """A picture, and the files that are made of it."""

    image: Path
    mask: Path
    overlay: Path


def wanted_pictures(given: Sequence[Path], out: Path) -> list[Wanted]:
    """All pictures that are given, in their order; of a folder or a glob in that of their names.

    A file, folder or glob of which there is no picture stands for itself, so that it is missed.

    Raises: InputError, where there is none; UsageError, where a result would take the place of a
    picture or of anything that lies beside one.
    """
    found = {os.path.abspath(image): (image, name) for image, name in _named(given, out)}
    if all(_is_empty(image) for image, _ in found.values()):
        raise InputError(
            f"{', '.join(map(str, given))}: wanted pictures ({' '.join(SUFFIXES)}), found none"
        )
    images, names = [image for image, _ in found.values()], [name for _, name in found.values()]
    if _meet(images, names):
        shared = os.path.commonpath([os.path.dirname(path) for path in found])
        names = [Path(path).relative_to(shared) for path in found]
    pairs = [_results(out, name.with_suffix("")) for name in names]
    times = Counter(path for pair in pairs for path in pair)
    pairs = [
        pair if max(times[path] for path in pair) == 1 else _results(out, name)
        for pair, name in zip(pairs, names, strict=True)
    ]
    _check_results(images, pairs)
    return [Wanted(image, *pair) for image, pair in zip(images, pairs, strict=True)]


def _meet(images: Sequence[Path], names: Sequence[Path]) -> bool:
    """Whether two pictures of different folders have one name for their results."""
    folders: dict[Path, Path] = {}
    return any(
        folders.setdefault(name.with_suffix(""), image.parent) != image.parent
        for image, name in zip(images, names, strict=True)
    )


def _named(given: Sequence[Path], out: Path) -> Iterator[tuple[Path, Path]]:
    """Each picture with its place below the results' folder."""
    for word in (Path(os.path.expanduser(word)) for word in given):
        pictures = list(_named_by(word, out, len(given) == 1))
        yield from pictures or [(word, Path(_real(word).name))]


def _named_by(word: Path, out: Path, alone: bool) -> Iterator[tuple[Path, Path]]:
    if word.is_dir():
        kept = Path() if alone else Path(_real(word).name)
        if _real(out) == _real(word):
            raise UsageError(
                f"{out}: masks among the pictures of a folder would be taken for pictures; "
                "give --out another folder"
            )
        for image in _but_results(out, _of_folder(word), word):
            yield image, kept / image.relative_to(word)
    elif has_magic(str(word)) and not os.path.lexists(word):
        base = _fixed_part(word)
        for hit in sorted(map(Path, glob(str(word), recursive=True))):
            images = _of_folder(hit) if hit.is_dir() else _pictures([hit])
            for image in _but_results(out, images, base):
                yield image, image.relative_to(base)
    else:
        yield word, Path(word.name)


def _is_empty(image: Path) -> bool:
    """Whether it is a folder or a glob in which no picture was found."""
    return image.is_dir() or (has_magic(str(image)) and not os.path.lexists(image))


def _of_folder(folder: Path) -> Iterator[Path]:
    """Its pictures, and those of the folders inside, but what is hidden."""
    for inside, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from _pictures(
            Path(inside, name) for name in sorted(files) if not name.startswith(".")
        )


def _pictures(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.suffix.lower() in SUFFIXES)


def _but_results(out: Path, images: Iterable[Path], base: Path) -> Iterator[Path]:
    """Without the results of earlier runs, where those have a folder of their own inside."""
    results = _real(out)
    inside = _real(base) in results.parents
    return (image for image in images if not (inside and results in _real(image).parents))


def _fixed_part(word: Path) -> Path:
    """What of a glob is no pattern: ``frames`` of ``frames/*/left.png``."""
    fixed: list[str] = []
    for part in word.parts[:-1]:
        if has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _results(out: Path, name: Path) -> tuple[Path, Path]:
    folder = out / name.parent
    return folder / f"{name.name}.png", folder / f"overlay_{name.name}.png"


def _check_results(images: Sequence[Path], pairs: Sequence[tuple[Path, Path]]) -> None:
    given = {_real(image) for image in images}
    folders = {path.parent for path in given}
    taken: set[Path] = set()
    for path in (path for pair in pairs for path in pair):
        real = _real(path)
        if real in given:
            raise UsageError(f"{path}: is a picture to segment; give --out another folder")
        if real in taken:
            raise UsageError(f"{path}: two pictures would be written there; give one at a time")
        if real.parent in folders and real.exists():
            raise UsageError(
                f"{path}: is there already, beside the pictures; give --out another folder"
            )
        taken.add(real)


def _real(path: Path) -> Path:
    """Without links; ``Path.resolve`` gives up on one that leads to itself."""
    return Path(os.path.realpath(path))
