"""Score a model, or masks that somebody stored, against a labelled dataset.

In:  a Segmenter (or a folder of PNGs) and Samples.
Out: Evaluation: the scores of one confusion matrix over the whole dataset, at the labels' own
     size, and the matrix of each picture.

Labels are never resized: predictions come at the picture's size. Under torchrun each rank takes
every world-size-th picture, none twice; whatever is counted is counted in integers, so the sum
over the ranks is what one process counts, to the last pixel. A fault of one rank ends them all.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, zip_longest
from pathlib import Path
from typing import Literal, Protocol, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import InputError, UsageError
from langseg.cache.records import ANY_SCENE
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.layouts.base import found_in
from langseg.segmenter.data.layouts.pairs import paired
from langseg.segmenter.data.sample import OnProgress, Sample, read_sample, unheard
from langseg.segmenter.data.sources import Source, open_folder
from langseg.segmenter.distributed import all_or_none, of_all_ranks, place, sum_over_ranks
from langseg.segmenter.evaluation.class_mapping import Translation
from langseg.segmenter.evaluation.metrics import Scores, scores_of
from langseg.segmenter.evaluation.pictures import PictureCounts, picture_counts, summed
from langseg.segmenter.features.kept import KeptFeatures
from langseg.segmenter.features.store import FeatureFolder
from langseg.segmenter.heads.base import input_unit
from langseg.segmenter.inference.class_map import ClassMap
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.text.collapse import UNKNOWN_SCENE, labelled_scene

SceneSource = Literal["predicted", "label", "none", "wrong"]
Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
T = TypeVar("T")
_AHEAD = 2  # pictures that are read while another is looked at


@dataclass(frozen=True, eq=False, kw_only=True)
class Scored:
    """A picture [H, W, 3] with its labels and its prediction, class indices [H, W] or IGNORE
    both.

    ``seen`` is the model's map, and ``won`` what it says of each pixel, in the model's own
    classes; None for a mask that was stored.
    """

    sample: Sample
    image: Pixels
    labels: Labels
    mask: Labels
    seen: ClassMap | None = None
    won: Tensor | None = None

    @cached_property
    def certainty(self) -> tuple[Tensor, Tensor]:
        """``ClassMap.certainty`` of the picture, on the CPU."""
        assert self.seen is not None
        assert self.won is not None
        confidence, margin = self.seen.certainty(self.won)
        return confidence.cpu(), margin.cpu()


class Measure(Protocol):
    """Something else that is counted, picture by picture, while a dataset is scored.

    ``counts`` is an int64 tensor on the CPU that every picture adds to; after ``evaluate`` it
    holds the sum over all pictures, of all ranks.
    """

    counts: Tensor

    def add(self, scored: Scored) -> None:
        """Count one picture."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Evaluation:
    """``scores`` of all pictures together; ``pictures`` are in the order of the samples."""

    scores: Scores
    pictures: tuple[PictureCounts, ...]


def evaluate(
    segmenter: Segmenter,
    samples: Sequence[Sample],
    *,
    scenes: SceneSource = "predicted",
    translation: Translation | None = None,
    measures: Sequence[Measure] = (),
    features: FeatureFolder | None = None,
    on_progress: OnProgress = unheard,
) -> Evaluation:
    """Predict every sample and score it.

    Args:
        scenes: where p(s|g) comes from: the picture itself, the dataset's scene label (the
            picture itself where that is not a scene of the bank), no scene at all, or another
            than the label's.
        translation: to the classes of the labels, where the model was trained on others.
        measures: what else is counted.
        features: where the backbone's features are kept, in float16, so that the next head is
            scored without it; only where pictures are read once.

    Raises: InputError, for files that cannot be used and for a dataset without a label;
    UsageError, for features where pictures are not read once; as ``KeptFeatures``.
    """
    bank = segmenter.bank
    rule = LabelRule(bank.ids, bank.ignore_ids) if translation is None else translation.rule
    kept = None
    if features is not None:
        if not segmenter.reading.reads_once:
            raise UsageError(
                "--features: wanted pictures read once, whole, as features are kept, got "
                f"{segmenter.reading.mode} in several readings; leave --features out"
            )
        backbone = segmenter.loaded.model.backbone
        kept = KeptFeatures(
            backbone, samples, side=segmenter.reading.short_side or 0,
            unit=input_unit(backbone.patch), where=features, instead="leave --features out",
            on_progress=on_progress,
        )  # fmt: skip

    def scored() -> Iterator[Scored]:
        mine = _of_this_rank(samples)
        read = _ahead(lambda sample: read_sample(sample, rule), mine)
        for sample, (image, labels) in zip(mine, read, strict=True):
            scene = given_scene(sample, bank, scenes)
            seen = segmenter.look(image, scene, None if kept is None else kept.whole(sample))
            won = seen.mask(labels.shape)
            mask = won.cpu().numpy()
            if translation is not None:
                mask = translation.table[mask]
            yield Scored(sample=sample, image=image, labels=labels, mask=mask, seen=seen, won=won)

    return _evaluation(scored(), samples, rule, measures, on_progress)


def stored_masks(folder: Path, samples: Sequence[Sample]) -> Mapping[str, Source]:
    """The mask of each sample, by its stem: ``<stem>.png``, or as a picture's labels are named.

    Args: folder: a zip file, too. Raises: InputError, for a sample without one.
    """
    found = found_in(open_folder(folder), (".png",), nested=True)
    pairs = paired({sample.stem for sample in samples}, found.by_stem.keys())
    if missing := [sample.stem for sample in samples if sample.stem not in pairs]:
        raise InputError(
            f"{folder}: wanted a mask of every picture that is scored, got none of {missing[0]} "
            f"({len(missing)} of {len(samples)} have none); give the folder that `langseg-seg "
            "predict` wrote of these very pictures, or the --split that they are of"
        )
    return {stem: found.by_stem[name] for stem, name in pairs.items()}


def evaluate_predictions(
    masks: Mapping[str, Source],
    samples: Sequence[Sample],
    rule: LabelRule,
    *,
    measures: Sequence[Measure] = (),
    on_progress: OnProgress = unheard,
) -> Evaluation:
    """Score index PNGs, by stem, that hold the same ids as the labels.

    A pixel that a mask leaves at an ignore id is a miss. Raises: InputError, for a misfitting mask.
    """

    def read(sample: Sample) -> Scored:
        path = masks[sample.stem]
        image, labels = read_sample(sample, rule)
        mask = rule.read(path)
        if mask.shape != labels.shape:
            raise InputError(
                f"{path}: wanted a mask of {labels.shape[1]}x{labels.shape[0]} like its labels, "
                f"got {mask.shape[1]}x{mask.shape[0]}"
            )
        return Scored(sample=sample, image=image, labels=labels, mask=mask)

    scored = _ahead(read, _of_this_rank(samples))
    return _evaluation(scored, samples, rule, measures, on_progress)


def given_scene(sample: Sample, bank: TextBank, source: SceneSource) -> str | None:
    """The scene that the model is given with a sample; None where it must see it by itself."""
    match source:
        case "predicted":
            return None
        case "none":
            return ANY_SCENE
        case "label":
            return None if labelled_scene(bank, sample.scene) == UNKNOWN_SCENE else sample.scene
        case "wrong":
            return _wrong_scene(sample, bank)
        case _:
            raise UsageError(f"scenes {source!r}: wanted predicted, label, none or wrong")


def _wrong_scene(sample: Sample, bank: TextBank) -> str | None:
    """Any scene of the bank but a picture's own and those in free text, which may mean it; by its
    stem the same in every run. None where its own is not known."""
    row = labelled_scene(bank, sample.scene)
    named = bank.scenes[: len(bank.scenes) - len(bank.scene_texts)]
    others = [scene for place, scene in enumerate(named) if place not in (0, row)]
    if row == UNKNOWN_SCENE or not others:
        return None
    return others[crc32(sample.stem.encode()) % len(others)]


def _evaluation(
    scored: Iterator[Scored], samples: Sequence[Sample], rule: LabelRule,
    measures: Sequence[Measure], on_progress: OnProgress,
) -> Evaluation:  # fmt: skip
    """Count this rank's pictures, and put together what all ranks counted."""
    mine: list[PictureCounts] = []
    total = len(_of_this_rank(samples))
    with all_or_none():
        for one in scored:
            mine.append(picture_counts(one.sample, one.mask, one.labels, rule.num_classes))
            for measure in measures:
                measure.add(one)
            on_progress("scoring", len(mine), total)
    for measure in measures:
        sum_over_ranks(measure.counts)
    dealt = zip_longest(*of_all_ranks(mine))  # rank r has pictures r, r + world size, ...
    pictures = tuple(one for one in chain.from_iterable(dealt) if one is not None)
    return Evaluation(scores=scores_of(summed(pictures, rule.num_classes)), pictures=pictures)


def _of_this_rank(samples: Sequence[Sample]) -> Sequence[Sample]:
    rank, world_size = place()
    return samples[rank::world_size]


def _ahead(read: Callable[[Sample], T], samples: Sequence[Sample]) -> Iterator[T]:
    """What ``read`` makes of each sample, in order, read in a thread while others are used."""
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for sample in samples:
            waiting.append(pool.submit(read, sample))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
