"""Score a patch together with those of its picture that look like it.

In:  patches, how many clusters; rows, how many clusters.
Out: patches that read averages; the centres of rows, by spherical k-means.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.segmenter.comparison.region_means import LabelledPatches

_SEED = 0  # of the first centres


def clustered(patches: LabelledPatches, clusters: int, whole: float) -> LabelledPatches:
    """Each patch reads the mean of its cluster, with a share of the picture's: scores are linear in
    x, so it is they that are averaged. No label and no other picture has a say. As it is for 0
    clusters."""
    if not clusters:
        return patches
    x = patches.x
    mean = x.mean(dim=0)
    looks = F.normalize((x - mean) / x.std(dim=0).clamp_min(1e-3), dim=1)
    of = (looks @ k_means(looks, clusters, _SEED).mT).argmax(dim=1)
    sums = x.new_zeros(clusters, x.shape[1]).index_add_(0, of, x)
    means = sums / torch.bincount(of, minlength=clusters).clamp_min(1)[:, None]
    return replace(patches, x=torch.lerp(means, mean.expand_as(means), whole)[of])


def k_means(rows: Tensor, count: int, seed: int) -> Tensor:
    """Unit centres [<= count, F] of unit rows: the same ones for the same seed."""
    if len(rows) <= count:
        return rows
    generator = torch.Generator().manual_seed(seed)
    centres = rows[torch.randperm(len(rows), generator=generator)[:count]]
    for _ in range(20):
        nearest = (rows @ centres.mT).argmax(dim=1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, rows)
        held = torch.bincount(nearest, minlength=len(centres)) > 0
        centres = torch.where(held[:, None], F.normalize(sums, dim=1), centres)
    return centres
