"""Say where the batches of a run come from: pictures, or features that are kept.

In:  a TrainConfig, a backbone, Samples, a folder of features, and the step to start at.
Out: an endless stream of batches, a pure function of (seed, step).
"""

from collections.abc import Iterator, Sequence

from langseg.segmenter.backbones.vit import FrozenViT
from langseg.segmenter.data.check import check_labels
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.loader import Batch, batches
from langseg.segmenter.data.rare_classes import rare_class_shares
from langseg.segmenter.data.sample import OnProgress, Sample
from langseg.segmenter.features.batches import FeatureBatch, feature_batches
from langseg.segmenter.features.kept import KeptFeatures
from langseg.segmenter.features.store import FeatureFolder
from langseg.segmenter.heads.base import input_unit
from langseg.segmenter.training.config import TrainConfig


def training_batches(
    config: TrainConfig, backbone: FrozenViT, samples: Sequence[Sample], rule: LabelRule, *,
    features: FeatureFolder, first_step: int, workers: int, rank: int, world_size: int,
    on_progress: OnProgress,
) -> Iterator[Batch | FeatureBatch]:  # fmt: skip
    """Batches of steps ``first_step``, ``first_step`` + 1, ... for one rank; ``accumulate`` of
    them a step.

    Raises: InputError, for files that cannot be used, and as ``KeptFeatures``.
    """
    place: dict[str, int] = {
        "seed": config.seed, "batch_size": config.batch_size,
        "start_step": first_step * config.accumulate, "rank": rank, "world_size": world_size,
    }  # fmt: skip
    shares = None
    if config.rare_classes:
        names = [str(number) for number in rule.ids]
        check = check_labels(samples, rule, names, on_progress=on_progress)
        shares = rare_class_shares(check.counts, config.rare_classes)
    if not config.feature_side:
        return batches(
            samples, rule, crop=config.crop, scale=config.scale, shares=shares, workers=workers,
            **place,
        )  # fmt: skip
    kept = KeptFeatures(
        backbone, samples, side=config.feature_side, unit=input_unit(backbone.patch),
        views=config.views, scale=config.scale, where=features, on_progress=on_progress,
    )  # fmt: skip
    return feature_batches(kept, samples, rule, crop=config.crop, shares=shares, **place)
