"""Say where the batches of a run come from: pictures, or features that are kept.

In:  a TrainConfig, a backbone, Samples, a folder of features, and the step to start at.
Out: the features that are kept, if any; an endless stream of batches, a pure function of
     (seed, step).
"""

from collections.abc import Iterator, Sequence

from langseg.segmenter.backbones.vit import FrozenViT
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.loader import Batch, batches
from langseg.segmenter.data.sample import OnProgress, Sample
from langseg.segmenter.features.batches import FeatureBatch, feature_batches
from langseg.segmenter.features.kept import KeptFeatures
from langseg.segmenter.features.store import FeatureFolder
from langseg.segmenter.heads.base import input_unit
from langseg.segmenter.training.config import TrainConfig

_INSTEAD = (
    "take a smaller feature_side or fewer views, or --set training.feature_side=0, which computes "
    "the features of every crop"
)


def features_to_keep(
    config: TrainConfig, backbone: FrozenViT, samples: Sequence[Sample], features: FeatureFolder,
    on_progress: OnProgress,
) -> KeptFeatures | None:  # fmt: skip
    """Those of every picture, computed where they are not kept yet; None where each crop has its
    own. Raises: as ``KeptFeatures``."""
    if not config.feature_side:
        return None
    return KeptFeatures(
        backbone, samples, side=config.feature_side, unit=input_unit(backbone.patch),
        views=config.views, scale=config.scale, where=features, instead=_INSTEAD,
        on_progress=on_progress,
    )  # fmt: skip


def training_batches(
    config: TrainConfig, kept: KeptFeatures | None, samples: Sequence[Sample], rule: LabelRule, *,
    first_step: int, workers: int, rank: int, world_size: int, shares: bytes | None = None,
) -> Iterator[Batch | FeatureBatch]:  # fmt: skip
    """Batches of steps ``first_step``, ``first_step`` + 1, ... for one rank; ``accumulate`` of
    them a step. ``shares``: of the draws that each sample gets (``rare_classes``).

    Raises: InputError, for files that cannot be used.
    """
    place: dict[str, int] = {
        "seed": config.seed, "batch_size": config.batch_size,
        "start_step": first_step * config.accumulate, "rank": rank, "world_size": world_size,
    }  # fmt: skip
    if kept is None:
        return batches(
            samples, rule, crop=config.crop, scale=config.scale, shares=shares, workers=workers,
            **place,
        )  # fmt: skip
    return feature_batches(kept, samples, rule, crop=config.crop, shares=shares, **place)
