"""`langseg-seg compare`: whether the words of a bank help, by arms that differ in words alone.

In:  settings, a labelled dataset, a store with the banks of `langseg-desc arms`.
Out: a folder with the rule, the counts of every arm, rows, a report and a page; one verdict line.

The rule, with splits, arms and pictures, is on disk before the first arm is fitted; a folder whose
rule is another is refused. What is counted of an arm is kept, and not fitted again.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.counted import counted
from langseg.cache.errors import CorruptError, UsageError
from langseg.cache.files import make_folder, write_atomic
from langseg.pipelines.seg.beside import Beside, arms_of, check_encoders, open_beside, trained_on
from langseg.pipelines.seg.compare_page import compare_page
from langseg.pipelines.seg.compare_rows import (
    Arm,
    Grounds,
    arm_rows,
    class_rows,
    group_rows,
    result_table,
    size_words,
    told_verdict,
)
from langseg.pipelines.seg.datasets import Dataset, open_dataset
from langseg.pipelines.seg.inputs import bank_of, device_for, feature_folder, verified_bank
from langseg.pipelines.seg.kept_arms import ARMS, keep_arm, kept_arm
from langseg.pipelines.seg.settings import CompareSettings
from langseg.pipelines.shared.compare_report import CompareReport
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.json_output import jsonable
from langseg.pipelines.shared.progress import Advance, by_phase
from langseg.pipelines.shared.result_rows import RESULTS, write_rows
from langseg.segmenter.backbones.load import load_backbone
from langseg.segmenter.backbones.vit import FrozenViT
from langseg.segmenter.comparison.clusters import clustered
from langseg.segmenter.comparison.fitted import (
    PROTOTYPES,
    Pictures,
    Tally,
    TrainedOn,
    compare_fitted,
    compare_prototypes,
    dealt_scores,
)
from langseg.segmenter.comparison.reader import Reader
from langseg.segmenter.comparison.region_means import (
    LabelledPatches,
    RegionMeans,
    labelled_patches,
    region_means,
)
from langseg.segmenter.comparison.scores import Size
from langseg.segmenter.comparison.splits import Split, draw_splits
from langseg.segmenter.comparison.trained import Training, compare_trained
from langseg.segmenter.comparison.verdict import REAL, Dealt, Rule
from langseg.segmenter.comparison.words import ArmWords, arm_label, arm_words
from langseg.segmenter.data.check import check_labels
from langseg.segmenter.data.sample import Sample, dataset_hash
from langseg.segmenter.features.kept import KeptFeatures
from langseg.segmenter.heads.base import input_unit

RULE, REPORT, PAGE = "rule.json", "compare.json", "index.html"
DEALT = "dealt.json"
FEWER = (1, 2, 4, 8, 16, 32)  # phrases of a class, as arms of their own
DENSE_ARMS = ("names", "templates", "named-random", "swapped")
QUICK_ARMS = ("names", "named-random", "swapped")
_SEED = 0  # of splits, folds and the bootstrap
_SPLITS = {"aligned": 20, "dense": 3}
_QUICK_SPLITS = {"aligned": 5, "dense": 1}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Data:
    """Pictures of both splits with kept features, the training regions of all classes, and
    ``joined``, these and those of the datasets beside it."""

    dataset: Dataset
    train: KeptFeatures
    val: KeptFeatures
    train_samples: Sequence[Sample]
    val_samples: Sequence[Sample]
    regions: RegionMeans
    joined: TrainedOn

    def pictures(self, split: str) -> Pictures:
        kept, samples = (
            (self.train, self.train_samples) if split == "train" else (self.val, self.val_samples)
        )
        rule = self.dataset.rule
        reader = self.joined.reader

        def read(index: int) -> LabelledPatches:
            patches = labelled_patches(kept, samples, rule, index)
            return clustered(patches, reader.clusters, reader.whole)

        return Pictures(len(samples), read)


def run_compare(settings: CompareSettings, advance: Advance) -> CompareReport:
    """Raises: UsageError, InputError, CorruptError, as ``train`` and for what compare needs."""
    started = time.perf_counter()
    dataset = open_dataset(settings)
    beside = open_beside(settings, dataset)
    banks = _listed_banks(settings, dataset, beside)
    device = device_for(settings.device)
    advance(0, 0, phase=f"loading {settings.backbone}")
    backbone = load_backbone(
        settings.backbone, settings.weights, settings.pretrained, settings.taps, settings.revision
    ).to(device)
    for note in backbone.notes:
        say(note)
    samples = {split: dataset.read(split) for split in ("train", "val")}
    real = banks[0].bank
    present = [
        check_labels(
            of, dataset.rule, real.names, vocabulary=real.vocabulary,
            on_progress=by_phase(advance),
        ).counts[:, :-1].any(axis=0)
        for of in samples.values()
    ]  # fmt: skip
    splits = _splits(settings, real, np.flatnonzero(present[0] & present[1]).tolist())
    seeds = settings.seeds if settings.head == "dense" else 1
    rule = Rule(margin=settings.margin)
    laid = {
        **asdict(rule), "head": settings.head, "arms": [one.label for one in banks],
        "banks": [one.bank.fingerprint for one in banks], "seeds": seeds,
        "splits": [[real.names[one] for one in split.unseen] for split in splits],
        "backbone": backbone.backbone_id, "taps": list(backbone.taps),
        "training": jsonable(settings.training), "dataset": dataset.vocabulary.name,
        "data": {split: dataset_hash(of) for split, of in samples.items()},
    }  # fmt: skip
    if settings.reader != Reader():
        laid["reader"] = jsonable(settings.reader)
    if beside:
        laid["beside"] = [_laid_beside(one, real.names) for one in beside]
    _lay_down(settings.out, laid)
    arms, data = _counted_arms(
        settings, banks, splits, seeds, samples, dataset, beside, backbone, advance
    )
    size = Size(len(samples["val"]), len(real.names))
    grounds = Grounds(
        arms=arms, splits=splits, names=real.names, size=size, seed=_SEED,
        groups=_groups(data, splits, banks, size),
    )  # fmt: skip
    advance(0, 0, phase="drawing again")
    rows, difference = arm_rows(grounds, rule)
    draws = max((row.draws for row in rows), default=1)
    dealt = None
    if settings.head == "aligned":
        dealt = Dealt.of(
            _dealt(settings.out / ARMS / DEALT, lambda: dealt_scores(
                banks[0].words, splits, data.joined, data.pictures("val"), rule.dealings,
                _SEED, by_phase(advance),
            )),
            rows[0].score,
        )  # fmt: skip
    told = told_verdict(
        difference, dealt, rule,
        size_words(len(splits), max(seeds, draws), size.pictures,
                   difference.clusters if difference else 0),
    )  # fmt: skip
    report = CompareReport(
        out=settings.out, dataset=dataset.vocabulary.name, head=settings.head, rule=rule,
        word=told.word, sentence=told.sentence,
        claims=_claims(settings, splits), chance=100 / len(splits[0].unseen), dealt=dealt,
        arms=rows,
        groups=group_rows(grounds, rule), classes=class_rows(grounds, rule),
        splits=[[real.names[one] for one in split.unseen] for split in splits],
        pictures=size.pictures, seeds=seeds, seconds=round(time.perf_counter() - started, 1),
    )  # fmt: skip
    write_rows(RESULTS, settings.out, result_table(grounds))
    text = json.dumps(jsonable(report), indent=1, ensure_ascii=False)
    write_atomic(settings.out / REPORT, text.encode())
    page = compare_page(report, grounds, laid, samples["val"])
    write_atomic(settings.out / PAGE, page.encode())
    return report


@dataclass(frozen=True, kw_only=True, eq=False)
class _Listed:
    """One arm: its bank, and of how many of its phrases."""

    name: str
    seed: int | None
    bank: TextBank
    phrases: int | None = None
    beside: Sequence[tuple[TextBank, int]] = ()

    @property
    def label(self) -> str:
        return arm_label(self.name, self.seed)

    @property
    def words(self) -> ArmWords:
        return arm_words(self.bank, self.name, self.seed, self.phrases, self.beside)


def _listed_banks(
    settings: CompareSettings, dataset: Dataset, beside: Sequence[Beside]
) -> Sequence[_Listed]:
    """The real bank, then its arms, of which each is one of the datasets beside it, too.

    Raises: InputError, UsageError.
    """
    banks = settings.store / "banks"
    real = bank_of(dataset, settings.bank, settings.store)
    check_encoders(real, beside)
    arms, make = arms_of(real, dataset, settings.store)
    for one in beside:
        lacking = [
            arm_label(*key) for key in arms
            if key not in one.arms and key[0] in (settings.arms or [name for name, _ in arms])
        ]  # fmt: skip
        if lacking:
            name = one.dataset.vocabulary.name
            say(f"compare: left out {', '.join(lacking)}, which {name} lacks; {one.make}")
    found = [
        _Listed(
            name=key[0], seed=key[1], bank=verified_bank(banks / fingerprint),
            beside=[
                (verified_bank(banks / one.arms[key]), len(one.real.names)) for one in beside
            ],
        )
        for key, fingerprint in arms.items() if all(key in one.arms for one in beside)
    ]  # fmt: skip
    width = int((real.mask & (real.weight > 0)).sum(axis=1).max())
    found += [
        _Listed(
            name=f"phrases-{count}", seed=0, bank=real, phrases=count,
            beside=[(one.real, len(one.real.names)) for one in beside],
        )
        for count in FEWER if count < width
    ]  # fmt: skip
    known = list(dict.fromkeys(one.name for one in found))
    wanted = settings.arms or (
        QUICK_ARMS if settings.quick else DENSE_ARMS if settings.head == "dense" else known
    )
    if settings.arms and (unknown := [name for name in wanted if name not in known]):
        raise UsageError(
            f"arms: wanted some of {', '.join(known)}, got {', '.join(unknown)}; {make} makes more"
        )
    kept = [one for one in found if one.name in (REAL, *wanted)]
    if settings.head == "dense" and (
        long := [one.name for one in kept if len(one.bank.names) > len(real.names)]
    ):
        raise UsageError(
            f"arms: wanted arms of the dataset's own classes for --head dense, got {long[0]}, "
            "which adds others; leave it out"
        )
    return sorted(kept, key=lambda one: one.name != REAL)


def _splits(settings: CompareSettings, bank: TextBank, classes: Sequence[int]) -> tuple[Split, ...]:
    if settings.unseen is None:
        defaults = _QUICK_SPLITS if settings.quick else _SPLITS
        count = settings.splits or defaults[settings.head]
        return draw_splits(
            classes, max(2, round(settings.unseen_share * len(classes))), count, _SEED
        )
    places = {name: place for place, name in enumerate(bank.names)}
    named = [
        [name.strip() for name in part.split(",")] for part in settings.unseen.split(";") if part
    ]
    for name in (name for part in named for name in part):
        if name not in places:
            raise UsageError(f"unseen: wanted names of classes, got {name!r}")
    splits = tuple(Split(tuple(sorted({places[name] for name in part}))) for part in named)
    for part in splits:
        if len(part.unseen) < 2 or not set(classes) - set(part.unseen):
            raise UsageError(
                "unseen: wanted two classes or more in each split, and one left that pictures of "
                f"both splits hold, got {', '.join(bank.names[one] for one in part.unseen)}"
            )
    return splits


def _laid_beside(one: Beside, names: Sequence[str]) -> Mapping[str, object]:
    """``hides``: what is hidden with each class that is asked."""
    theirs = one.real.names
    return {
        "dataset": one.dataset.vocabulary.name, "data": dataset_hash(one.samples),
        "banks": sorted(one.arms.values()),
        "hides": {
            name: [theirs[place] for place in row.nonzero()[:, 0].tolist()]
            for name, row in zip(names, one.same, strict=True) if row.any()
        },
    }  # fmt: skip


def _lay_down(out: Path, rule: Mapping[str, object]) -> None:
    """Raises: CorruptError, where another rule is there."""
    text = json.dumps(rule, indent=1, ensure_ascii=False).encode()
    file = out / RULE
    if file.is_file():
        try:
            before = dict(json.loads(file.read_bytes()))
        except (ValueError, TypeError) as exc:
            raise CorruptError(
                f"{file}: wanted the rule of a comparison, got {exc}; give another --out"
            ) from exc
        wanted = json.loads(text)
        changed = [name for name in {**wanted, **before} if wanted.get(name) != before.get(name)]
        if changed:
            raise CorruptError(
                f"{out}: wanted the comparison whose rule was laid down here, got another "
                f"{', '.join(changed)}; a changed rule is a new run, give another --out"
            )
        return
    make_folder(out)
    write_atomic(file, text)


def _counted_arms(
    settings: CompareSettings, banks: Sequence[_Listed], splits: Sequence[Split], seeds: int,
    samples: Mapping[str, Sequence[Sample]], dataset: Dataset, beside: Sequence[Beside],
    backbone: FrozenViT, advance: Advance,
) -> tuple[Sequence[Arm], _Data]:  # fmt: skip
    config = settings.training
    where = feature_folder(settings.features, settings.features_gib)
    heard = by_phase(advance)

    def kept(of: Sequence[Sample]) -> KeptFeatures:
        return KeptFeatures(
            backbone, of, side=config.feature_side or config.crop,
            unit=input_unit(backbone.patch), where=where,
            instead="take a smaller training.feature_side", on_progress=heard,
        )  # fmt: skip

    names = banks[0].bank.names
    train_features = kept(samples["train"])
    regions = region_means(train_features, samples["train"], dataset.rule, heard)
    data = _Data(
        dataset=dataset, train=train_features, val=kept(samples["val"]),
        train_samples=samples["train"], val_samples=samples["val"], regions=regions,
        joined=trained_on(
            regions, len(names), len(samples["train"]), beside, settings.reader,
            lambda one: region_means(kept(one.samples), one.samples, one.dataset.rule, heard),
        ),
    )  # fmt: skip
    stems = [one.stem for one in data.val_samples]
    folder = settings.out / ARMS

    def tally_of(label: str, make: Callable[[], Tally]) -> Tally:
        file = folder / f"{label}.parquet"
        if not file.is_file():
            keep_arm(file, make(), stems, names)
        return kept_arm(file, stems, names)

    if settings.head == "dense":
        found = _trained_arms(settings, banks, splits, seeds, data, backbone, tally_of, advance)
        return found, data
    missing = [one for one in banks if not (folder / f"{one.label}.parquet").is_file()]
    if missing:
        many = f"{counted(len(missing), 'arm')} on {counted(len(splits), 'split')}"
        say(f"compare: {many}, fitted in closed form, all at once")
        counts = compare_fitted(
            [one.words for one in missing], splits, data.joined, data.pictures("train"),
            data.pictures("val"), _SEED, heard,
        )  # fmt: skip
        for label, tally in counts.items():
            keep_arm(folder / f"{label}.parquet", tally, stems, names)
    arms = [
        Arm(name=one.name, seed=one.seed, bank=one.bank.fingerprint,
            tally=kept_arm(folder / f"{one.label}.parquet", stems, names))
        for one in banks
    ]  # fmt: skip
    if not settings.arms and not settings.quick:
        real = banks[0].bank
        sizes = (real.mask & (real.weight > 0)).sum(axis=1).tolist()
        arms.append(Arm(
            name=PROTOTYPES, seed=None, bank="",
            tally=tally_of(PROTOTYPES, lambda: compare_prototypes(
                splits, data.regions, len(names), sizes, data.pictures("val"), _SEED, heard
            )),
        ))  # fmt: skip
    return arms, data


def _trained_arms(
    settings: CompareSettings, banks: Sequence[_Listed], splits: Sequence[Split], seeds: int,
    data: _Data, backbone: FrozenViT, tally_of: Callable[[str, Callable[[], Tally]], Tally],
    advance: Advance,
) -> Sequence[Arm]:  # fmt: skip
    head = replace(settings.training.head, kind="dense", aligned_share=0.0)
    config = replace(settings.training, head=head)
    training = Training(
        config=config, backbone=backbone, samples=data.train_samples,
        features=feature_folder(settings.features, settings.features_gib),
        device=device_for(settings.device), val=data.val, pictures=data.val_samples,
    )  # fmt: skip
    runs = [(one, seed) for seed in range(seeds) for one in banks]
    say(f"compare: {counted(len(runs) * len(splits), 'training')} of {config.steps} steps each")
    found, began = [], time.perf_counter()
    for number, (one, seed) in enumerate(runs):
        label = f"{one.label}-s{seed}"

        def on_step(step: int, steps: int, losses: Mapping[str, float], label: str = label) -> None:
            advance(step, steps, f"loss {losses['loss']:.3f}", phase=f"training {label}")

        def make(one: _Listed = one, seed: int = seed, label: str = label) -> Tally:
            out = settings.out / "runs" / label
            return compare_trained(
                one.bank, splits, seed, training, out, on_step, by_phase(advance)
            )

        tally = tally_of(label, make)
        found.append(Arm(name=one.name, seed=seed, bank=one.bank.fingerprint, tally=tally))
        if number == 0 and (spent := time.perf_counter() - began) > 1:
            say(f"compare: the others take about {spent * (len(runs) - 1) / 3600:.1f} hours")
    return found


def _groups(
    data: _Data, splits: Sequence[Split], banks: Sequence[_Listed], size: Size
) -> Mapping[str, np.ndarray]:
    """Cells of splits and classes: rare and common, small and large, near and far (by the cosine
    of the classes' names to the nearest that is trained), each half of the unseen ones."""
    regions, joined = data.regions, data.joined
    held = torch.bincount(regions.classes, minlength=size.classes).double()
    area = torch.zeros(size.classes, dtype=torch.float64).index_add_(
        0, regions.classes, regions.pixels.double()
    ) / held.clamp_min(1)
    names = next((one for one in banks if one.name == "names"), banks[0]).words
    nearness = np.full((len(splits), size.classes), np.nan)
    for number, split in enumerate(splits):
        trained = joined.held & ~joined.same[list(split.unseen)].any(dim=0)
        near = names.kernel(trained)[:, : size.classes].amax(dim=0).numpy()
        nearness[number, list(split.unseen)] = near[list(split.unseen)]
    unseen = ~np.isnan(nearness)
    found = {}
    for low, high, values in (
        ("rare", "common", np.broadcast_to(held.numpy(), nearness.shape)),
        ("small", "large", np.broadcast_to(area.numpy(), nearness.shape)),
        ("far", "near", nearness),
    ):
        middle = np.median(values[unseen])
        found[low] = unseen & (values <= middle)
        found[high] = unseen & (values > middle)
    return found


def _claims(settings: CompareSettings, splits: Sequence[Split]) -> Sequence[str]:
    told = [
        "pixels are counted at the size that pictures are read at, a patch at a time",
        "one backbone, one text encoder and one dataset: others were not asked",
    ]
    if settings.quick:
        told.append(
            f"--quick: {counted(len(splits), 'split')} and few arms; its interval is no claim"
        )
    return told


def _dealt(file: Path, make: Callable[[], list[float]]) -> list[float]:
    """What is kept of the dealings. Raises: CorruptError."""
    if not file.is_file():
        write_atomic(file, json.dumps(make()).encode())
    try:
        return [float(score) for score in json.loads(file.read_bytes())]
    except (OSError, ValueError, TypeError) as exc:
        raise CorruptError(
            f"{file}: wanted the scores of dealings, got {exc}; remove the file and run the same "
            "command again"
        ) from exc
