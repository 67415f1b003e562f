"""Run the frozen backbone once over a dataset, then cut training windows out of its features.

In:  a frozen backbone, labelled Samples, the short side they are read at.
Out: FeatureBatches, a pure function of (seed, step) as ``data.loader.batches`` are.

The backbone never changes, so its features of a picture need no second pass: a step then costs
the head alone. What is given up is augmentation before the backbone: pictures come as they are
or mirrored, and a crop is a window of whole patches. Everything stays in memory, in float16:
16 d h w bytes for a picture and its mirror image (240 pictures of 256x192, patch 8, width 160:
450 MiB).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from langseg.cache.errors import InputError
from langseg.segmenter.backbones.vit import Features, FrozenViT
from langseg.segmenter.data.images import resize_to_units
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.loader import sample_order
from langseg.segmenter.data.pixels import unit_floats
from langseg.segmenter.data.sample import Sample, read_sample

MAX_BYTES = 16 * 2**30
_STREAM = 2  # keeps these random numbers apart from those of order and augmentation


@dataclass(frozen=True)
class FeatureBatch:
    """``features`` of B square windows, float32; ``labels`` int64 [B, side, side]."""

    features: Features
    labels: Tensor
    scenes: tuple[str, ...]


@dataclass(frozen=True)
class _View:
    """One picture, or its mirror image: float16 [taps, d, h, w], float32 [d], int64 [H, W]."""

    taps: Tensor
    cls: Tensor
    labels: Tensor
    scene: str


class FeatureCache:
    """Features of every sample and its mirror image.

    ``side``: short side in pixels that pictures are read at, their sides rounded to multiples of
    ``unit``, as the head needs them; ``crop``: side of the windows in pixels; they have as many
    whole patches as it holds.

    Raises: InputError, for files that cannot be used, for a picture smaller than a window, and
    for features beyond MAX_BYTES.
    """

    def __init__(
        self, backbone: FrozenViT, samples: Sequence[Sample], rule: LabelRule, *, side: int,
        unit: int, crop: int,
    ) -> None:  # fmt: skip
        self._patch = backbone.patch
        self._grid = crop // backbone.patch
        self._views: list[_View] = []
        for sample in samples:
            self._views += _views(backbone, sample, rule, side, unit)
            self._check_size(sample, self._views[-1])
            held = sum(view.taps.nbytes for view in self._views[-2:]) * len(samples)
            if held > MAX_BYTES:
                raise InputError(
                    f"features of {len(samples)} pictures at short side {side} would take "
                    f"{held >> 30} GiB, above {MAX_BYTES >> 30}; lower feature_side, or set it to "
                    "0 to compute features for every crop"
                )

    def batches(
        self,
        *,
        seed: int,
        batch_size: int,
        start_step: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> Iterator[FeatureBatch]:
        """Batches of steps ``start_step``, ``start_step`` + 1, ... without end; arguments as for
        ``data.loader.batches``."""
        block = start_step * world_size + rank
        while True:
            cuts = [
                self._cut(position, seed)
                for position in range(block * batch_size, (block + 1) * batch_size)
            ]
            yield _stack(cuts, self._grid * self._patch)
            block += world_size

    def _check_size(self, sample: Sample, view: _View) -> None:
        h, w = view.taps.shape[-2:]
        if min(h, w) < self._grid:
            raise InputError(
                f"{sample.image}: wanted features of at least {self._grid} x {self._grid} patches "
                f"for one crop, got {h} x {w}; lower crop, or leave the picture out"
            )

    def _cut(self, position: int, seed: int) -> _View:
        epoch, place = divmod(position, len(self._views))
        index = int(sample_order(seed, epoch, len(self._views))[place])
        view = self._views[index]
        grid = self._grid
        h, w = view.taps.shape[-2:]
        rng = np.random.default_rng((_STREAM, seed, epoch, index))
        top, left = (int(rng.integers(size - grid + 1)) for size in (h, w))
        y, x, side = top * self._patch, left * self._patch, grid * self._patch
        taps = view.taps[:, :, top : top + grid, left : left + grid]
        return _View(taps, view.cls, view.labels[y : y + side, x : x + side], view.scene)


def _views(
    backbone: FrozenViT, sample: Sample, rule: LabelRule, side: int, unit: int
) -> list[_View]:
    image, labels = read_sample(sample, rule)
    picture = resize_to_units(image, side, unit)
    height, width = picture.shape[:2]
    smaller = Image.fromarray(labels.astype(np.int32)).resize(
        (width, height), Image.Resampling.NEAREST
    )
    target = torch.from_numpy(np.asarray(smaller).astype(np.int64))
    pixels = unit_floats(picture)
    device = next(backbone.buffers()).device
    features = backbone(torch.stack([pixels, pixels.flip(-1)]).to(device))
    taps = torch.stack(features.taps, dim=1).half().cpu()
    cls = features.cls.cpu()
    return [
        _View(taps[i], cls[i], labels, sample.scene)
        for i, labels in enumerate((target, target.flip(-1)))
    ]


def _stack(cuts: Sequence[_View], side: int) -> FeatureBatch:
    taps = torch.stack([cut.taps for cut in cuts]).float().unbind(dim=1)
    features = Features(tuple(taps), torch.stack([cut.cls for cut in cuts]), (side, side))
    labels = torch.stack([cut.labels for cut in cuts])
    return FeatureBatch(features, labels, tuple(cut.scene for cut in cuts))
