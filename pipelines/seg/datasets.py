"""Open the dataset that settings name: one that has a layout here, or a person's own.

In:  DataSettings.
Out: a Dataset: its vocabulary, the samples of its splits, and the flags that name it again.
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from pydantic import ValidationError

from langseg.cache.errors import InputError, UsageError
from langseg.cache.user_cache import user_cache
from langseg.descriptors.vocabulary.class_list import parse_class_list
from langseg.descriptors.vocabulary.load import load_vocabulary, vocabulary_of
from langseg.descriptors.vocabulary.validation import check_classes
from langseg.descriptors.vocabulary.vocabulary import Vocabulary
from langseg.pipelines.seg.label_colours import label_colours
from langseg.pipelines.seg.settings import READ_AS, DataSettings, OwnData
from langseg.pipelines.seg.ultralytics import Ultralytics, ultralytics
from langseg.pipelines.shared.settings import mistake, read_settings
from langseg.segmenter.data.drawn import ClassIds
from langseg.segmenter.data.encodings import INDEX, ColourValues
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.layouts.registry import find_samples
from langseg.segmenter.data.own import listed_samples, of_split, own_samples, read_as
from langseg.segmenter.data.sample import Sample

_OF_CLASSES = ("name", "ignore_ids", "scenes", "scene_names", "look_alikes", "hypernyms")
_PATHS = ("images", "labels", "val_images", "val_labels", "colours")


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures and what their labels mean.

    ``flags`` name it again to the next command of `langseg-seg`, ``words`` its vocabulary to
    those of `langseg-desc`; ``read`` gives the samples of a split; ``folder`` is where they are.
    """

    vocabulary: Vocabulary
    folder: Path
    flags: str
    words: str
    read: Callable[[str], tuple[Sample, ...]]

    @property
    def rule(self) -> LabelRule:
        """Which id is which class."""
        ids = [entry.id for entry in self.vocabulary.classes]
        return LabelRule(ids, self.vocabulary.ignore_ids)


def open_dataset(settings: DataSettings) -> Dataset:
    """Raises: UsageError, InputError, for a dataset that cannot be found or used."""
    if settings.own_file is not None:
        return _of_file(settings.own_file, settings)
    if settings.classes is not None and settings.images is not None:
        own = OwnData(**{name: getattr(settings, name) for name in OwnData.model_fields})
        vocabulary = vocabulary_of(settings.classes)
        given = {name: value for name in OwnData.model_fields if (value := getattr(own, name))}
        return Dataset(
            vocabulary=vocabulary,
            folder=settings.images,
            flags=_flags({name: _words(value) for name, value in given.items()}),
            words=_flags({"classes": settings.classes}),
            read=_Own(own, vocabulary, Path(settings.classes)).samples,
        )
    name = settings.named
    folder = settings.data or Path("data") / name
    if not folder.exists():
        raise InputError(
            f"{folder}: wanted the folder or zip file of {name}, found none; give --data"
            f"{_demo_there(name, folder)}"
        )
    vocabulary = load_vocabulary(name)
    return Dataset(
        vocabulary=vocabulary,
        folder=folder,
        flags=_flags({"dataset": name, "data": str(folder), **_read_as(settings)}),
        words=_flags({"dataset": name}),
        read=lambda split: _named(settings, vocabulary, folder, split),
    )


def _demo_there(name: str, folder: Path) -> str:
    """The demo has the layout and the classes of one dataset."""
    if name != "ade20k" or folder.suffix == ".zip":
        return ""
    return f", or render a demo there with `langseg-seg demo-data {_flags({'out': str(folder)})}`"


def _named(
    settings: DataSettings, vocabulary: Vocabulary, folder: Path, split: str
) -> tuple[Sample, ...]:
    samples = find_samples(vocabulary.name, folder, split)
    if settings.colours is not None:
        colours = _colours_of(settings.colours, vocabulary)
        samples = tuple(replace(sample, encoding=colours) for sample in samples)
    return read_as(samples, settings.grey_window, settings.page)


def _read_as(settings: OwnData) -> dict[str, str]:
    given = {name: value for name in READ_AS if (value := getattr(settings, name)) is not None}
    return {name: _words(value) for name, value in given.items()}


def _colours_of(file: Path, vocabulary: Vocabulary) -> ColourValues:
    found = label_colours(file, vocabulary)
    if found is None:
        raise InputError(f"{file}: wanted colours of classes, got none")
    return found


@dataclass(frozen=True)
class _Own:
    """``list_file`` may have the classes' colours; ``listed``: what lists pictures, if any."""

    own: OwnData
    vocabulary: Vocabulary
    list_file: Path
    listed: Ultralytics | None = None

    def samples(self, split: str) -> tuple[Sample, ...]:
        """Raises: InputError."""
        own = self.own
        if self.listed is not None and split in self.listed.listed:
            labels = self.listed.pictures(split)
            found = listed_samples(labels, classes=self._ids(), drawn_in=_drawn_in())
            return read_as(found, own.grey_window, own.page)
        assert own.images is not None
        assert own.labels is not None
        if split == "val" and own.val_images is not None and own.val_labels is not None:
            return self._in(own.val_images, own.val_labels)
        found = self._in(own.images, own.labels)
        if own.val_share is not None:
            return of_split(found, split, own.val_share)
        if split == "val":
            raise InputError(
                "val: wanted pictures for validation, got none; give --val-images and "
                "--val-labels, or --val-share 0.2; `langseg-seg eval --split train` scores those "
                "of training"
            )
        return found

    def _in(self, images: Path, labels: Path) -> tuple[Sample, ...]:
        own = self.own
        found = own_samples(
            images,
            labels,
            encoding=self._colours() or INDEX,
            classes=self._ids(),
            drawn_in=_drawn_in(),
        )
        return read_as(found, own.grey_window, own.page)

    def _ids(self) -> ClassIds:
        ids = {entry.name: entry.id for entry in self.vocabulary.classes}
        return ClassIds.of(ids, self.vocabulary.ignore_ids)

    def _colours(self) -> ColourValues | None:
        if self.own.colours is not None:
            return _colours_of(self.own.colours, self.vocabulary)
        return label_colours(self.list_file, self.vocabulary) if self.list_file.is_file() else None


def _drawn_in() -> Path:
    return user_cache() / "labels"


def _of_file(file: Path, settings: DataSettings) -> Dataset:
    """A dataset.yaml, whose paths are relative to its folder; flags beat its lines.

    Raises: UsageError, InputError.
    """
    listed = ultralytics(file)
    lines = read_settings(file) if listed is None else listed.lines
    about = {key: lines.pop(key) for key in _OF_CLASSES if key in lines}
    classes = lines.pop("classes", None)
    for name in _PATHS:
        if isinstance(lines.get(name), str):
            lines[name] = file.parent / lines[name]
    lines |= {name: value for name in READ_AS if (value := getattr(settings, name)) is not None}
    if isinstance(classes, str):
        list_file = file.parent / classes
        if about:
            raise UsageError(
                f"{file}: wanted {min(about)} in the class list {classes}, got it here"
            )
        vocabulary = vocabulary_of(list_file)
    elif isinstance(classes, list):
        list_file = file
        text = yaml.safe_dump({**about, "classes": classes}, allow_unicode=True)
        raw = parse_class_list(text.encode(), "yaml", str(file))
        vocabulary = check_classes(raw, str(file), default_name=file.stem)
    else:
        raise UsageError(f"{file}: wanted classes, a list or the name of a file, got none")
    try:
        own = OwnData(**lines, classes=str(list_file))
    except ValidationError as exc:
        told = dict.fromkeys(mistake(OwnData, {}, error) for error in exc.errors())
        raise UsageError(f"{file}: {'; '.join(told)}") from None
    if own.images is None:
        raise UsageError(f"{file}: wanted images and labels, got none")
    return Dataset(
        vocabulary=vocabulary,
        folder=own.images,
        flags=_flags({"dataset": str(file), **_read_as(settings)}),
        words=_flags({"classes": str(list_file)}),
        read=_Own(own, vocabulary, list_file, listed).samples,
    )


def _flags(given: Mapping[str, str]) -> str:
    return " ".join(f"--{name.replace('_', '-')} {shlex.quote(v)}" for name, v in given.items())


def _words(value: object) -> str:
    return ",".join(f"{one:g}" for one in value) if isinstance(value, tuple) else str(value)
