"""Look at every label of a split before anything is computed from it.

In:  Samples, a LabelRule, and how the dataset's classes usually share the pixels, where known.
Out: LabelCheck: the pixels of each class in each picture, what cannot be used, what is doubtful.

Labels that are plausible but wrong pass every type check, train, and score near zero without a
word: ids that are off by one (mmsegmentation#1509), 0/255 masks, palettes that differ between
files, pictures that their EXIF turns and whose labels are not turned with them.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from math import log

import numpy as np
import yaml
from numpy.typing import NDArray

from langseg.cache.counted import counted
from langseg.cache.errors import InputError
from langseg.segmenter.data.images import exif_orientation
from langseg.segmenter.data.labels import IGNORE, LabelRule
from langseg.segmenter.data.sample import (
    OnProgress,
    Sample,
    fitted_labels,
    picture_size,
    raw_labels,
    unheard,
)

LITTLE = 0.05  # of all pixels: fewer labelled ones are doubtful
FEW_CLASSES = 0.1  # of the classes, found in ENOUGH pictures
ENOUGH = 20
ALONE = 3  # pictures with the same class and no other, or with the same labels, are no chance
# Log-likelihood a pixel under the usual shares. Drawn from the validation pictures of camvid, msrc
# and coco-panoptic, ids that are right never were this much likelier one off in 20 or more of 200
# draws of 5 pictures (2 % of MSRC's), ids that were off by one were in 51 to 87 %.
SHIFT_GAIN = 0.3
SHIFT_PICTURES = 5
_RARE = 1e-4
# Of the edge pixels of a label map. Of 60 files each of msrc, camvid and coco-panoptic and 9 of
# ade20k at most 1.5 %, of the same ones scaled bilinearly by 0.5 or 1.5 from 24 to 55 %.
BETWEEN = 0.1
_EDGE_PIXELS = 500


@dataclass(frozen=True)
class Doubt:
    """What looks wrong and may be meant: ``kind`` in a word or two; ``sentence``: what was found,
    in which file first, and what to do."""

    kind: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class LabelCheck:
    """``counts`` int32 [N, C + 1]: pixels of each class in each picture, the unlabelled ones last;
    ``faults``: one for each file that cannot be used, whose counts are 0, and one where no pixel
    of any is labelled."""

    counts: NDArray[np.int32]
    faults: tuple[InputError, ...]
    doubts: tuple[Doubt, ...]

    @property
    def labelled_share(self) -> float:
        """Labelled pixels of all, 0..1."""
        return float(self.counts[:, :-1].sum(dtype=np.int64)) / max(1, int(self.counts.sum()))

    @property
    def classes_found(self) -> NDArray[np.intp]:
        """Indices of the classes that have pixels."""
        return np.flatnonzero(self.counts[:, :-1].any(axis=0))


@dataclass(frozen=True)
class _Seen:
    """One label file: pixels by class, the raw ids in it, a digest of their map, whether they were
    interpolated, its palette, how EXIF turns its picture without its labels."""

    counts: NDArray[np.int32]
    raw: tuple[int, ...]
    digest: bytes
    is_blurred: bool
    palette: bytes | None
    turn: int


def check_labels(
    samples: Sequence[Sample],
    rule: LabelRule,
    names: Sequence[str],
    *,
    vocabulary: str = "",
    all_faults: bool = False,
    on_progress: OnProgress = unheard,
) -> LabelCheck:
    """Read every label file and every picture's header.

    Args:
        names: the classes', by index; vocabulary: its name, for the usual shares of its classes.
        all_faults: go on after a file that cannot be used, and keep what is wrong with it.

    Raises: InputError, for the first file that cannot be used unless ``all_faults``, and where no
    pixel of any picture is labelled.
    """

    def look(sample: Sample) -> _Seen | InputError:
        try:
            return _seen(sample, rule)
        except InputError as fault:
            return fault

    counts = np.zeros((len(samples), rule.num_classes + 1), np.int32)
    seen: list[tuple[Sample, _Seen]] = []
    faults = []
    pool = ThreadPoolExecutor()
    try:
        for place, found in enumerate(pool.map(look, samples)):
            if isinstance(found, InputError):
                if not all_faults:
                    raise found
                faults.append(found)
            else:
                counts[place] = found.counts
                seen.append((samples[place], found))
            on_progress("checking labels", place + 1, len(samples))
    finally:
        pool.shutdown(cancel_futures=True)
    if seen and not counts[:, :-1].any():
        faults.append(_nothing_labelled(seen, rule))
        if not all_faults:
            raise faults[0]
    shares = usual_shares().get(vocabulary, {})
    look_for: list[Callable[[], Doubt | None]] = [
        lambda: _little_labelled(counts),
        lambda: _empty(seen),
        lambda: _two_marks(seen, rule),
        lambda: _binary(seen, rule),
        lambda: _shifted(counts, rule, shares),
        lambda: None if shares else _counted_from_below(seen, rule, names),
        lambda: _one_class(seen, rule, names),
        lambda: _all_the_same(seen),
        lambda: _few_classes(counts, names),
        lambda: _blurred(seen),
        lambda: _palettes(seen),
        lambda: _turned(seen),
    ]
    doubts = [doubt for find in look_for if seen and (doubt := find())]
    return LabelCheck(counts=counts, faults=tuple(faults), doubts=tuple(doubts))


@cache
def usual_shares() -> Mapping[str, Mapping[int, float]]:
    """Share of the labelled pixels by class id, of the vocabularies for which it is known."""
    text = files("langseg.segmenter.data").joinpath("class_shares.yaml").read_text("utf-8")
    shares: Mapping[str, Mapping[int, float]] = yaml.safe_load(text)
    return shares


def _seen(sample: Sample, rule: LabelRule) -> _Seen:
    raw = raw_labels(sample)
    labels = rule.classes_of(raw.ids, sample.labels)
    size = picture_size(sample)
    turn = exif_orientation(sample.image)
    if labels.shape != size:
        labels, turn = fitted_labels(sample, size, labels), 1  # turned with it
    labels[labels == IGNORE] = rule.num_classes
    counts = np.bincount(labels.ravel(), minlength=rule.num_classes + 1)
    return _Seen(
        counts=counts.astype(np.int32),
        raw=tuple(np.unique(raw.ids).tolist()),
        digest=sha256(f"{raw.ids.shape}".encode() + raw.ids.tobytes()).digest(),
        is_blurred=_is_blurred(raw.ids),
        palette=raw.palette,
        turn=turn,
    )


def _is_blurred(ids: NDArray[np.integer]) -> bool:
    """Whether ids were scaled as a picture's values are: then ids that lie between those of two
    regions stand along their common edge."""
    edge = between = 0
    for before, here, after in (
        (ids[:-2], ids[1:-1], ids[2:]),
        (ids[:, :-2], ids[:, 1:-1], ids[:, 2:]),
    ):
        rising, falling = (before < here) & (here < after), (before > here) & (here > after)
        edge += int(np.count_nonzero(before != after))
        between += int(np.count_nonzero(rising | falling))
    return edge >= _EDGE_PIXELS and between > BETWEEN * edge


def _nothing_labelled(seen: Sequence[tuple[Sample, _Seen]], rule: LabelRule) -> InputError:
    values = sorted({value for _, one in seen for value in one.raw})
    return InputError(
        f"{seen[0][0].labels}: wanted labels, got {counted(len(seen), 'file')} in which no "
        f"pixel is labelled: they hold {', '.join(map(str, values))} alone, which mean unlabelled "
        f"({', '.join(map(str, rule.ignore_ids))}); export them with the class ids "
        f"{rule.ids[0]} to {rule.ids[-1]}"
    )


def _little_labelled(counts: NDArray[np.int32]) -> Doubt | None:
    share = counts[:, :-1].sum(dtype=np.int64) / max(1, counts.sum(dtype=np.int64))
    if share >= LITTLE:
        return None
    return Doubt(
        "little labelled",
        f"{100 * share:.2g} % of the pixels are labelled; see whether the class ids are those of "
        "the vocabulary",
    )


def _empty(seen: Sequence[tuple[Sample, _Seen]]) -> Doubt | None:
    empty = [sample for sample, one in seen if not one.counts[:-1].any()]
    if not empty:
        return None
    return Doubt(
        "nothing labelled",
        f"no labelled pixel is in {len(empty)} of {counted(len(seen), 'label file')}, first "
        f"{empty[0].labels}; see whether all were exported whole",
    )


def _two_marks(seen: Sequence[tuple[Sample, _Seen]], rule: LabelRule) -> Doubt | None:
    """0 and 255 in files whose first id is 1: what ``reduce_zero_label`` leaves has both."""
    low, high = rule.ids[0] - 1, 255
    if not {low, high} <= set(rule.ignore_ids):
        return None
    both = [sample for sample, one in seen if low in one.raw]
    marked = [sample for sample, one in seen if high in one.raw]
    if not both or not marked:
        return None
    return Doubt(
        "two marks for unlabelled",
        f"{low} and {high} both occur, and both mean unlabelled (first {marked[0].labels}); where "
        f"ids were lowered by one before, as reduce_zero_label does, {low} is the first class: "
        "give the labels as they came",
    )


def _binary(seen: Sequence[tuple[Sample, _Seen]], rule: LabelRule) -> Doubt | None:
    values = {value for _, one in seen for value in one.raw}
    if rule.num_classes <= 2 or values not in ({0, 255}, {0, 1}):
        return None
    return Doubt(
        "two values",
        f"all label files hold {' and '.join(map(str, sorted(values)))} alone, as masks of one "
        f"object do, for {rule.num_classes} classes; export them with the class ids",
    )


def _shifted(
    counts: NDArray[np.int32], rule: LabelRule, shares: Mapping[int, float]
) -> Doubt | None:
    """Whether the classes would have their usual shares if every id were one more or less."""
    pixels = counts[:, :-1].sum(axis=1, dtype=np.int64)
    if not shares or (pixels > 0).sum() < SHIFT_PICTURES:
        return None
    found = (counts[pixels > 0, :-1] / pixels[pixels > 0, None]).sum(axis=0)

    def likelihood(shift: int) -> float:
        known = [(n, shares.get(i + shift)) for i, n in zip(rule.ids, found, strict=True)]
        inside = [(n, share) for n, share in known if share is not None]
        total = sum(n for n, _ in inside)
        return sum(n * log(max(share, _RARE)) for n, share in inside) / total if total else -1e9

    own, up, down = likelihood(0), likelihood(1), likelihood(-1)
    if max(up, down) < own + SHIFT_GAIN:
        return None
    way = "one too low" if up > down else "one too high"
    return Doubt(
        "ids off by one",
        f"the classes share the pixels as this dataset's would if every id were {way}; see "
        f"whether the label files hold {rule.ids[0]} to {rule.ids[-1]}",
    )


def _counted_from_below(
    seen: Sequence[tuple[Sample, _Seen]], rule: LabelRule, names: Sequence[str]
) -> Doubt | None:
    """As many values as classes, beginning at the ignored one below the first: the usual way in
    which ids of one's own list are off by one, for which no shares are known."""
    low, high = rule.ids[0] - 1, rule.ids[-1]
    values = {value for _, one in seen for value in one.raw} - {255}
    if rule.num_classes <= 2 or low not in rule.ignore_ids or values != {low, *rule.ids[:-1]}:
        return None
    first = next(sample for sample, one in seen if low in one.raw)
    return Doubt(
        "ids off by one",
        f"the label files hold {low} to {high - 1}, as many values as there are classes, whose ids "
        f"are {rule.ids[0]} to {high}: {names[-1]} never occurs, and {low} means unlabelled (first "
        f"{first.labels}); where {low} is {names[0]}, give the classes these ids, in a column id",
    )


def _one_class(
    seen: Sequence[tuple[Sample, _Seen]], rule: LabelRule, names: Sequence[str]
) -> Doubt | None:
    """Background and an ignored 255 (mmsegmentation#1609), background alone (#964), or a list of
    one class (#1681), which any model gets right."""
    if len(names) == 1:
        return Doubt(
            "one class",
            f"{names[0]} is the only class of the list, so that every pixel will be called that; "
            "list what is around it, too, as a class named background",
        )
    found = np.flatnonzero(sum(one.counts[:-1].astype(np.int64) for _, one in seen))
    if len(seen) < ALONE or len(found) != 1 or _binary(seen, rule):
        return None
    ignored = sorted({value for _, one in seen for value in one.raw} & set(rule.ignore_ids))
    beside = f" beside {', '.join(map(str, ignored))}, which mean unlabelled" if ignored else ""
    return Doubt(
        "one class",
        f"all labels of {len(seen)} pictures are {names[found[0]]}, one of {len(names)} classes"
        f"{beside} (first {seen[0][0].labels}); see whether the objects have the ids of their "
        f"classes, {rule.ids[0]} to {rule.ids[-1]}",
    )


def _all_the_same(seen: Sequence[tuple[Sample, _Seen]]) -> Doubt | None:
    """What a broken export writes: one map under every name. One value in all of it is no more than
    one class."""
    sample, first = seen[0]
    if len(seen) < ALONE or len(first.raw) == 1 or len({one.digest for _, one in seen}) > 1:
        return None
    return Doubt(
        "labels all the same",
        f"the labels of all {len(seen)} pictures are the same, pixel by pixel (first "
        f"{sample.labels}); see whether each picture's own labels were exported",
    )


def _few_classes(counts: NDArray[np.int32], names: Sequence[str]) -> Doubt | None:
    found = np.flatnonzero(counts[:, :-1].any(axis=0))
    if len(counts) < ENOUGH or not 1 < len(found) <= FEW_CLASSES * len(names):
        return None
    return Doubt(
        "few classes",
        f"{len(found)} of {len(names)} classes occur in {len(counts)} pictures "
        f"({', '.join(names[i] for i in found[:5])}); see whether labels and vocabulary belong "
        "together",
    )


def _blurred(seen: Sequence[tuple[Sample, _Seen]]) -> Doubt | None:
    blurred = [sample for sample, one in seen if one.is_blurred]
    if not blurred:
        return None
    return Doubt(
        "blurred labels",
        "along the edges of regions stand ids between those of the two sides, in "
        f"{len(blurred)} of {counted(len(seen), 'label file')} (first {blurred[0].labels}), as if "
        "scaled like a picture; scale labels by the nearest pixel, or give them at their own size",
    )


def _palettes(seen: Sequence[tuple[Sample, _Seen]]) -> Doubt | None:
    """Editors number the colours of each file anew: one index is then another class in each."""
    first: dict[bytes, Sample] = {}
    for sample, file in seen:
        if file.palette is not None:
            first.setdefault(file.palette, sample)
    if len(first) < 2:
        return None
    one, other, *_ = first.values()
    return Doubt(
        "palettes differ",
        f"the label files have {len(first)} palettes (first {one.labels} and {other.labels}), and "
        "their indices are read, not their colours; where the colours are meant, give the classes "
        "their colours",
    )


def _turned(seen: Sequence[tuple[Sample, _Seen]]) -> Doubt | None:
    turned = [sample for sample, one in seen if one.turn != 1]
    if not turned:
        return None
    return Doubt(
        "turned pictures",
        f"EXIF turns or mirrors {counted(len(turned), 'picture')} without the labels (first "
        f"{turned[0].image}); where labels were drawn on the picture as it is stored, save the "
        "pictures without the orientation",
    )
