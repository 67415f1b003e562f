"""Compare arms on heads that are trained: one training for each split and seed.

In:  the bank of an arm, splits, seeds, what heads are trained with.
Out: a Tally of one seed, of heads that never saw the words and pixels of a split's unseen classes.

Features are kept, so a training costs the head alone; a run that is there is taken as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch.nn.functional as F

from langseg.cache.bank.text_bank import TextBank
from langseg.segmenter.backbones.vit import FrozenViT
from langseg.segmenter.comparison.counting import Labelled
from langseg.segmenter.comparison.fitted import Tally
from langseg.segmenter.comparison.region_means import labelled_patches
from langseg.segmenter.comparison.splits import Split
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.sample import OnProgress, Sample
from langseg.segmenter.features.kept import KeptFeatures, features_of
from langseg.segmenter.features.store import FeatureFolder
from langseg.segmenter.features.views import PLAIN
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.training.config import TrainConfig
from langseg.segmenter.training.train import OnStep, train

_NO_PIXELS = np.empty((0, 0, 3), np.uint8)  # of a picture whose features are known


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """What every head of a comparison is trained with; ``val`` are kept features of ``pictures``,
    on which it is scored."""

    config: TrainConfig
    backbone: FrozenViT
    samples: Sequence[Sample]
    features: FeatureFolder
    device: str
    val: KeptFeatures
    pictures: Sequence[Sample]


def compare_trained(
    bank: TextBank, splits: Sequence[Split], seed: int, training: Training, out: Path,
    on_step: OnStep, on_progress: OnProgress,
) -> Tally:  # fmt: skip
    """Train and score the heads of one arm and seed, one for each split, in folders of ``out``.

    A patch is scored by the mean of its logits. Raises: as ``train``.
    """
    tally = Tally()
    rule = LabelRule(bank.ids, bank.ignore_ids)
    for number, split in enumerate(splits):
        unseen = tuple(bank.names[one] for one in split.unseen)
        result = train(
            config=replace(training.config, seed=seed, unseen=unseen), backbone=training.backbone,
            bank=bank, samples=training.samples, out=out / f"split-{number}",
            features=training.features, checkpoint_every=training.config.steps,
            device=training.device, on_step=on_step, on_progress=on_progress,
        )  # fmt: skip
        segmenter = Segmenter.load(
            result.checkpoint, backbone=training.backbone, device=training.device
        )
        for index, sample in enumerate(training.pictures):
            maps = training.val.maps(index, PLAIN)
            values = segmenter.look(
                _NO_PIXELS, features=features_of([maps], training.val.patch)
            ).values
            grid = maps.taps.shape[1], maps.taps.shape[2]
            scores = F.adaptive_avg_pool2d(values[None], grid)[0].flatten(1).mT.cpu()
            patches = labelled_patches(training.val, training.pictures, rule, index)
            found = Labelled(patches.counts).count(scores, split.unseen, None)
            tally.cells |= {(number, index, name): cells for name, cells in found.items()}
            on_progress(f"scoring {sample.stem}", index + 1, len(training.pictures))
    return tally
