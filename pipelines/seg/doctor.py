"""`langseg-seg doctor`: look at a dataset as `train` and `eval` would, and say all that is wrong.

In:  the dataset that settings name.
Out: a report: for each split what is labelled, every file that cannot be used, what is doubtful.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from langseg.cache.counted import counted
from langseg.cache.errors import InputError
from langseg.pipelines.seg.datasets import Dataset, open_dataset
from langseg.pipelines.seg.settings import DoctorSettings
from langseg.pipelines.shared.percentages import share
from langseg.pipelines.shared.progress import Advance, by_phase
from langseg.segmenter.data.check import Doubt, LabelCheck, check_labels
from langseg.segmenter.data.layouts.base import SPLITS
from langseg.segmenter.data.layouts.scenes import unmatched_scenes
from langseg.segmenter.data.sample import Sample, read_picture
from langseg.segmenter.inference.legend import percent

_SHOWN = 20  # faults of a split, in words


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """``pixels`` of each class that occurs, and ``labelled_share`` of all pixels, 0..1; ``faults``
    for files that cannot be used, ``doubts`` for what may be meant."""

    split: str
    pictures: int
    labelled_share: float
    pixels: Mapping[str, int]
    absent: Sequence[str]
    faults: Sequence[str]
    doubts: Sequence[Doubt]


@dataclass(frozen=True, kw_only=True)
class DoctorReport:
    """``missing``: why a split could not be found, by its name; ``doubts``: between the splits."""

    dataset: str
    folder: Path
    splits: Sequence[SplitReport]
    missing: Mapping[str, str]
    doubts: Sequence[Doubt]
    sentence: str

    @property
    def is_usable(self) -> bool:
        """Whether `train` or `eval` would begin with every split that is there."""
        return bool(self.splits) and not any(split.faults for split in self.splits)


def run_doctor(settings: DoctorSettings, advance: Advance) -> DoctorReport:
    """Read every label and every picture of the splits that there are, or of the one asked for.

    Raises: UsageError, InputError, for a dataset of which no split can be found.
    """
    dataset = open_dataset(settings)
    found: dict[str, tuple[Sample, ...]] = {}
    missing: dict[str, InputError] = {}
    for split in SPLITS if settings.split is None else [settings.split]:
        try:
            found[split] = dataset.read(split)
        except InputError as fault:
            missing[split] = fault
    if not found:
        raise next(iter(missing.values()))
    examined = {split: _examined(dataset, found[split], advance) for split in found}
    reports = [_split_report(dataset, split, one) for split, one in examined.items()]
    doubts = []
    if len(found) == len(SPLITS):
        train, val = (examined[split] for split in SPLITS)
        doubts = [*_in_both(train, val), *_never_trained(dataset, train, val)]
    wrong = sum(len(report.faults) for report in reports)
    doubtful = len(doubts) + sum(len(report.doubts) for report in reports)
    return DoctorReport(
        dataset=dataset.vocabulary.name,
        folder=dataset.folder,
        splits=reports,
        missing={split: str(fault) for split, fault in missing.items()},
        doubts=doubts,
        sentence=f"{dataset.folder}: {', '.join(_words(report) for report in reports)}; {wrong} "
        f"faults, {doubtful} doubts",
    )


def class_rows(report: DoctorReport) -> list[tuple[str, ...]]:
    """Each class with its share of the labelled pixels in each split, the largest first."""
    totals = [sum(split.pixels.values()) for split in report.splits]
    names = {name for split in report.splits for name in (*split.pixels, *split.absent)}
    shares = {
        name: [
            split.pixels.get(name, 0) / total if total else 0.0
            for split, total in zip(report.splits, totals, strict=True)
        ]
        for name in names
    }
    order = sorted(names, key=lambda name: (-max(shares[name]), name))
    return [(name, *map(percent, shares[name])) for name in order]


def told(report: DoctorReport) -> Iterator[str]:
    """What is missing, wrong and doubtful, a line each."""
    for split, why in report.missing.items():
        yield f"{split}: not found: {why.removeprefix(f'{split}: ')}"
    for one in report.splits:
        for fault in one.faults[:_SHOWN]:
            yield f"error: {one.split}: {fault}"
        if (more := len(one.faults) - _SHOWN) > 0:
            files = counted(more, "more file")
            yield f"error: {one.split}: {files} cannot be used; --json names them all"
        for doubt in one.doubts:
            yield f"doubtful: {one.split}: {doubt.kind}: {doubt.sentence}"
    for doubt in report.doubts:
        yield f"doubtful: {doubt.kind}: {doubt.sentence}"


@dataclass(frozen=True)
class _Examined:
    """``broken``: pictures that cannot be decoded; ``by_bytes``: a sample by sha256 of its
    picture's file."""

    samples: Sequence[Sample]
    check: LabelCheck
    broken: Sequence[InputError]
    by_bytes: Mapping[str, Sample]


def _examined(dataset: Dataset, samples: Sequence[Sample], advance: Advance) -> _Examined:
    on_progress = by_phase(advance)

    def decoded(sample: Sample) -> str | InputError:
        try:
            read_picture(sample)
            return sha256(sample.image.read_bytes()).hexdigest()
        except InputError as fault:
            return fault

    check = check_labels(
        samples, dataset.rule, _names(dataset), vocabulary=dataset.vocabulary.name,
        all_faults=True, on_progress=on_progress,
    )  # fmt: skip
    known = {str(fault) for fault in check.faults}  # a header that the labels' check read, too
    broken: list[InputError] = []
    by_bytes: dict[str, Sample] = {}
    with ThreadPoolExecutor() as pool:
        for place, one in enumerate(pool.map(decoded, samples)):
            if not isinstance(one, InputError):
                by_bytes.setdefault(one, samples[place])
            elif str(one) not in known:
                broken.append(one)
            on_progress("checking pictures", place + 1, len(samples))
    return _Examined(samples, check, broken, by_bytes)


def _names(dataset: Dataset) -> list[str]:
    return [entry.name for entry in dataset.vocabulary.classes]


def _split_report(dataset: Dataset, split: str, one: _Examined) -> SplitReport:
    names = _names(dataset)
    scenes = unmatched_scenes(dataset.folder, one.samples)
    pixels = one.check.counts[:, :-1].sum(axis=0, dtype=int).tolist()
    return SplitReport(
        split=split,
        pictures=len(one.samples),
        labelled_share=one.check.labelled_share,
        pixels={name: n for name, n in zip(names, pixels, strict=True) if n},
        absent=[name for name, n in zip(names, pixels, strict=True) if not n],
        faults=[str(fault) for fault in (*one.check.faults, *one.broken)],
        doubts=[*one.check.doubts, *([] if scenes is None else [scenes])],
    )


def _in_both(train: _Examined, val: _Examined) -> list[Doubt]:
    """Scores on pictures that were trained on say nothing."""
    shared = [val.by_bytes[key] for key in val.by_bytes.keys() & train.by_bytes.keys()]
    if not shared:
        return []
    first = min(shared, key=lambda sample: sample.stem)
    return [
        Doubt(
            "pictures in both splits",
            f"{counted(len(shared), 'picture')} of val {'is' if len(shared) == 1 else 'are'} in "
            f"train, too, byte for byte (first {first.image}); keep each in one split",
        )
    ]


def _never_trained(dataset: Dataset, train: _Examined, val: _Examined) -> list[Doubt]:
    alone = sorted(set(val.check.classes_found) - set(train.check.classes_found))
    if not alone or not len(train.check.classes_found):
        return []
    names = _names(dataset)
    shown = ", ".join(names[i] for i in alone[:5]) + (", ..." if len(alone) > 5 else "")
    return [
        Doubt(
            "classes in val alone",
            f"in val and never in train: {counted(len(alone), 'class')} ({shown}), which no head "
            "learns from labels",
        )
    ]


def _words(report: SplitReport) -> str:
    classes = len(report.pixels) + len(report.absent)
    return (
        f"{report.split} {counted(report.pictures, 'picture')}, {share(report.labelled_share)} of "
        f"the pixels labelled, {len(report.pixels)} of {counted(classes, 'class')} found"
    )
