"""Say where a dataset keeps its files, and read a split of it.

In:  a dataset's Layout, its folder (or zip file) and a split.
Out: Samples sorted by stem, every picture with its label file, or an InputError saying which
     folder was looked at and what was expected there.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from langseg.cache.errors import InputError
from langseg.cache.records import ANY_SCENE
from langseg.segmenter.data.encodings import INDEX, LABEL_SUFFIXES, Encoding
from langseg.segmenter.data.layouts.pairs import normal_name, paired, refuse_lonely
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.data.sources import Folder, Source, open_folder

SPLITS = ("train", "val")
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
_UNREAD = {
    ".dcm": "DICOM is not read: save 16-bit PNG or TIFF files and give their --grey-window",
    ".mat": "MATLAB files are not read: save index PNGs",
    ".json": "a JSON file a picture is not read: export one COCO file, or index PNGs",
    ".npy": "NumPy files are not read: save index PNGs",
    ".jpg": "JPEG changes labels at every edge: save index PNGs",
    ".jpeg": "JPEG changes labels at every edge: save index PNGs",
    ".heic": "HEIC is not read: save JPEG files",
}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the pictures and labels of a split may lie, relative to the dataset's folder.

    Attributes:
        listed: a file of the split's stems, where folders hold several splits.
        by_labels: pictures without labels are of another split.
        picture_end, label_end: what names end in beyond the stem, ``_leftImg8bit``; files that do
            not are others.
        nested: files of folders within these, too.
        encoding: how label files store ids.
        read_encodings: that of each stem, where each has its own; other pictures have no labels.
    """

    images: str
    labels: str
    listed: str = ""
    by_labels: bool = False
    picture_suffixes: Sequence[str] = PICTURE_SUFFIXES
    picture_end: str = ""
    label_end: str = ""
    nested: bool = False
    encoding: Encoding = INDEX
    read_encodings: Callable[[Folder], Mapping[str, Encoding]] | None = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A dataset's places by split, the likeliest first; the first that is there is taken.

    ``read_scenes``: from the dataset's folder to what tells the scene of a stem.
    """

    name: str
    places: Mapping[str, Sequence[Place]]
    read_scenes: Callable[[Folder, Sequence[str]], Mapping[str, str]] | None = None

    def samples(self, root: Path, split: str) -> tuple[Sample, ...]:
        """Arguments, result and errors as for ``find_samples``; ``split`` is one of SPLITS."""
        top = open_folder(root)
        faults: list[InputError] = []
        for folder in top.within():
            for place in self.places[split]:
                images, labels = folder.find(place.images), folder.find(place.labels)
                if images is None:
                    continue
                if labels is None:
                    faults.append(self._no_folder(f"{folder}/{place.labels}"))
                    continue
                pictures = found_in(
                    images, place.picture_suffixes, nested=place.nested, end=place.picture_end
                )
                drawn = found_in(labels, LABEL_SUFFIXES, nested=place.nested, end=place.label_end)
                if pictures.by_stem and drawn.by_stem:
                    return self._samples(folder, place, pictures, drawn)
                faults += [found.nothing() for found in (pictures, drawn) if not found.by_stem]
        raise faults[0] if faults else self._no_folder(f"{top}/{self.places[split][0].images}")

    def _samples(
        self, folder: Folder, place: Place, pictures: "Found", drawn: "Found"
    ) -> tuple[Sample, ...]:
        if place.listed:
            stems = _listed_stems(folder, place.listed)
            pictures, drawn = pictures.among(stems, must=place.listed), drawn.among(stems)
        if place.by_labels:
            pictures = pictures.among([*drawn.by_stem])
        encodings = place.read_encodings(folder) if place.read_encodings else None
        pairs = pairs_of(pictures, drawn)
        scenes = self.read_scenes(folder, [stem for stem, *_ in pairs]) if self.read_scenes else {}
        if encodings is None:
            encodings = dict.fromkeys((stem for stem, *_ in pairs), place.encoding)
        if strange := [stem for stem, *_ in pairs if stem not in encodings]:
            raise InputError(
                f"{drawn.at}: wanted every picture in the JSON beside it, got {strange[0]}, which "
                f"is not ({len(strange)} of {len(pairs)} are not)"
            )
        return tuple(
            Sample(
                stem=stem,
                image=image,
                labels=label,
                scene=scenes.get(stem, ANY_SCENE),
                encoding=encodings[stem],
            )
            for stem, image, label in pairs
        )

    def _no_folder(self, at: str) -> InputError:
        every = dict.fromkeys(
            name for places in self.places.values() for name in (places[0].images, places[0].labels)
        )
        return InputError(
            f"{at}: wanted a folder with files, got no folder; the {self.name} layout has the "
            f"folders {', '.join(every)}"
        )


@dataclass(frozen=True)
class Found:
    """Files of a folder by their stems; ``others``: how many were passed over, by suffix."""

    at: Folder
    by_stem: Mapping[str, Source]
    suffixes: Sequence[str]
    others: Mapping[str, int]

    def among(self, stems: Sequence[str], must: str = "") -> "Found":
        """Those of some stems. Raises: InputError, where ``must``, a list, has one that is not."""
        wanted = {normal_name(stem) for stem in stems}
        kept = {stem: file for stem, file in self.by_stem.items() if normal_name(stem) in wanted}
        if must and len(kept) < len(wanted):
            missing = sorted(wanted - {normal_name(stem) for stem in kept})
            raise InputError(
                f"{self.at}: wanted {missing[0]}, which {must} lists, got none (missing: "
                f"{len(missing)} of {len(wanted)})"
            )
        return replace(self, by_stem=kept)

    def nothing(self) -> InputError:
        """What a folder holds instead, and what to do with that."""
        kinds = [f"{n} {suffix or 'without a suffix'}" for suffix, n in self.others.items()]
        hints = [f"; {hint}" for suffix, hint in _UNREAD.items() if suffix in self.others]
        return InputError(
            f"{self.at}: wanted a folder with {' or '.join(self.suffixes)} files, got "
            f"{', '.join(kinds) or 'an empty one'}{''.join(hints[:1])}"
        )


def pairs_of(pictures: Found, drawn: Found) -> list[tuple[str, Source, Source]]:
    """(stem, picture, labels), sorted by stem. Raises: InputError, for one without a partner."""
    pairs = paired(pictures.by_stem.keys(), drawn.by_stem.keys())
    refuse_lonely(pairs, pictures.by_stem, drawn.by_stem, pictures.at, drawn.at)
    return [
        (stem, pictures.by_stem[stem], drawn.by_stem[pairs[stem]])
        for stem in sorted(pictures.by_stem)
    ]


def found_in(folder: Folder, suffixes: Sequence[str], *, nested: bool, end: str = "") -> Found:
    """Files by stem, those alone whose names end in ``end``.

    Raises: InputError, for two files of one stem, and for a link to a file that is not there.
    """
    listing = folder.listed(suffixes, nested=nested)
    by_stem: dict[str, Source] = {}
    others = dict(listing.others)
    for name, file in listing.files.items():
        stem, suffix = os.path.splitext(name)
        if not stem.endswith(end):
            others[suffix] = others.get(suffix, 0) + 1
            continue
        other = by_stem.setdefault(stem.removesuffix(end), file)
        if other is not file:
            raise InputError(f"{file}: wanted one file with this stem, also got {other.name}")
    return Found(folder, by_stem, suffixes, others)


def _listed_stems(folder: Folder, place: str) -> list[str]:
    """The first word of each line: other lists have the picture's and the label's path."""
    source = folder.file(place)
    if source is None:
        raise InputError(f"{folder}/{place}: wanted the list of the split, found none")
    return [line.split()[0] for line in text_of(source).splitlines() if line.strip()]


def text_of(source: Source) -> str:
    """Text as UTF-8, or as the UTF-16 that Windows calls Unicode, without its mark at the start.

    Raises: InputError, for any other.
    """
    data = source.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as exc:
        raise InputError(f"{source}: wanted UTF-8 text, got {exc}; save it as UTF-8") from exc
