"""Open the datasets that are trained with beside the one that is asked, their words and pictures.

In:  settings, the dataset that is asked.
Out: Besides: datasets, their real banks and arms by name, and which of their classes show the same
     things; the regions of all training pictures together.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from langseg.cache.bank.arms_index import read_index
from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import InputError, UsageError
from langseg.descriptors.vocabulary.vocabulary import Vocabulary
from langseg.pipelines.seg.datasets import Dataset, open_dataset
from langseg.pipelines.seg.inputs import bank_of
from langseg.pipelines.seg.settings import CompareSettings, DataSettings
from langseg.pipelines.shared.settings import load_config
from langseg.segmenter.comparison.fitted import TrainedOn
from langseg.segmenter.comparison.reader import Reader
from langseg.segmenter.comparison.region_means import RegionMeans, joined_regions
from langseg.segmenter.comparison.same_things import same_things
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.evaluation.class_mapping import mapping_file, read_mapping, shipped_mappings

Listed = Mapping[tuple[str, int | None], str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Beside:
    """One dataset: ``arms``: fingerprints of banks of ``real``'s arms by name and draw, ``make``
    the command that makes them; ``same`` bool [C, B]: which of its classes show the same thing as
    one that is asked."""

    dataset: Dataset
    samples: Sequence[Sample]
    real: TextBank
    arms: Listed
    make: str
    same: Tensor


def open_beside(settings: CompareSettings, asked: Dataset) -> Sequence[Beside]:
    """Raises: UsageError, InputError, CorruptError, as for the dataset that is asked."""
    if settings.beside and settings.head != "aligned":
        raise UsageError(
            f"beside: wanted --head aligned, got {settings.head}, which is trained on one dataset"
        )
    return [_open(given, settings.store, asked) for given in settings.beside]


def _open(given: str, store: Path, asked: Dataset) -> Beside:
    name, _, folder = given.partition("=")
    if not folder and not Path(name).suffix:
        raise UsageError(f"--beside {given}: wanted {name}=DIR or a dataset.yaml, got no folder")
    if folder and not Path(folder).exists():
        raise InputError(f"--beside {given}: wanted a folder or a zip file, found none at {folder}")
    dataset = open_dataset(
        load_config(DataSettings, None, {"dataset": name, "data": folder or None})
    )
    real = bank_of(dataset, None, store)
    arms, make = arms_of(real, dataset, store)
    return Beside(
        dataset=dataset, samples=dataset.read("train"), real=real, arms=arms, make=make,
        same=same_things(
            _called(asked.vocabulary), _called(dataset.vocabulary), _mappings(asked, dataset)
        ),
    )  # fmt: skip


def check_encoders(real: TextBank, beside: Sequence[Beside]) -> None:
    """Raises: InputError, where vectors are of other encoders than those of the asked bank."""
    for one in beside:
        if one.real.encoder_id != real.encoder_id:
            raise InputError(
                f"beside {one.dataset.vocabulary.name}: wanted a TextBank of {real.encoder_id}, as "
                f"the asked one is, got one of {one.real.encoder_id}; make it with `langseg-desc "
                f"bank {one.dataset.words} --encoder NAME`"
            )


def arms_of(real: TextBank, dataset: Dataset, store: Path) -> tuple[Listed, str]:
    """Fingerprints of a bank's arms by name and draw, and the command that makes them.

    Raises: InputError, where there are none; CorruptError.
    """
    make = f"`langseg-desc arms {dataset.words} --store {shlex.quote(str(store))} --seeds 3`"
    index = store / "banks" / f"arms-{real.fingerprint}.json"
    if not index.is_file():
        raise InputError(
            f"{index}: wanted the arms of this bank, found none; make them with {make}"
        )
    arms = {(one["arm"], one["seed"]): one["fingerprint"] for one in read_index(index)["arms"]}
    return arms, make


def trained_on(
    regions: RegionMeans, classes: int, pictures: int, beside: Sequence[Beside], reader: Reader,
    regions_of: Callable[[Beside], RegionMeans],
) -> TrainedOn:  # fmt: skip
    """The asked dataset's regions and those beside it. Args: regions_of: reads a dataset's."""
    parts = [(regions_of(one), len(one.real.names), len(one.samples)) for one in beside]
    same = torch.cat([torch.eye(classes, dtype=torch.bool), *(one.same for one in beside)], dim=1)
    return TrainedOn(joined_regions([(regions, classes, pictures), *parts]), same, reader)


def _called(vocabulary: Vocabulary) -> list[list[str]]:
    return [
        [
            f"{vocabulary.name}: {entry.name}", entry.name, *entry.synonyms,
            entry.spoken.name, *entry.spoken.others,
        ]
        for entry in vocabulary.classes
    ]  # fmt: skip


def _mappings(asked: Dataset, dataset: Dataset) -> list[dict[str, tuple[str, ...]]]:
    names = asked.vocabulary.name, dataset.vocabulary.name
    either = [f"{one}-to-{other}" for one, other in (names, names[::-1])]
    return [read_mapping(mapping_file(name)) for name in either if name in shipped_mappings()]
