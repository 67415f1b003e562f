"""What a patch looks like in its surroundings, without labels: the targets of pretraining.

In:  pictures [B, 3, H, W] in 0..1.
Out: for each patch and each of three neighbourhoods (the patch, 3 x 3 and 7 x 7 patches around
     it) the number of the nearest of K typical appearances.

An appearance is colour (mean, spread) and a histogram of gradient orientations (HOG, Dalal and
Triggs 2005); typical ones are found by k-means. Predicting such numbers for hidden patches is
how HuBERT (Hsu et al. 2021) learns speech; for visible ones it makes a token know its
surroundings.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NEIGHBOURHOODS = (1, 3, 7)  # patches a side
_BINS = 8  # orientations of a gradient, without its sign
_ROUNDS = 12  # of k-means


def appearances(images: Tensor, patch: int) -> list[Tensor]:
    """For each neighbourhood [B, N, E]: mean, and beyond one patch also spread, of each feature."""
    base = _patch_features(images, patch)
    features = [_tokens(base)]
    for side in NEIGHBOURHOODS[1:]:
        mean = _pool(base, side)
        spread = (_pool(base**2, side) - mean**2).clamp(min=0).sqrt()
        features.append(_tokens(torch.cat([mean, spread], dim=1)))
    return features


def _patch_features(images: Tensor, patch: int) -> Tensor:
    """Mean and spread of colour, orientation shares, log of edge strength: [B, 15, h, w].

    The factors bring all of them to about the same range.
    """
    grey = images.mean(dim=1, keepdim=True)
    dx = F.pad(grey[..., 2:] - grey[..., :-2], (1, 1))
    dy = F.pad(grey[..., 2:, :] - grey[..., :-2, :], (0, 0, 1, 1))
    strength = (dx**2 + dy**2).sqrt()
    turn = torch.remainder(torch.atan2(dy, dx), math.pi) / math.pi * _BINS
    low = turn.floor()
    votes = torch.zeros(len(images), _BINS, *images.shape[2:])
    votes.scatter_add_(1, low.long() % _BINS, strength * (1 - (turn - low)))
    votes.scatter_add_(1, (low.long() + 1) % _BINS, strength * (turn - low))
    histogram = F.avg_pool2d(votes, patch)
    total = histogram.sum(dim=1, keepdim=True)
    mean = F.avg_pool2d(images, patch)
    spread = (F.avg_pool2d(images**2, patch) - mean**2).clamp(min=0).sqrt()
    shares, edges = histogram / (total + 0.05), (total + 0.02).log() * 0.35
    return torch.cat([mean * 2, spread * 3, shares, edges], dim=1)


def _pool(maps: Tensor, side: int) -> Tensor:
    """Mean over side x side patches; patches outside the picture do not count."""
    return F.avg_pool2d(maps, side, stride=1, padding=side // 2, count_include_pad=False)


def _tokens(maps: Tensor) -> Tensor:
    """[B, E, h, w] -> [B, h * w, E]."""
    return maps.flatten(2).transpose(1, 2)


@dataclass(frozen=True)
class Codebook:
    """Typical appearances: ``centres`` [K, E] of features shifted by ``mean`` and divided by
    ``spread`` [E]."""

    mean: Tensor
    spread: Tensor
    centres: Tensor

    def nearest(self, features: Tensor) -> Tensor:
        """The number of the nearest centre: [B, N, E] -> int64 [B, N]."""
        return torch.cdist((features - self.mean) / self.spread, self.centres).argmin(dim=-1)


def learn_codebook(features: Tensor, size: int, generator: torch.Generator) -> Codebook:
    """k-means over rows of ``features`` [N, E]; an empty cluster takes a row by chance."""
    mean, spread = features.mean(dim=0), features.std(dim=0) + 1e-4
    rows = (features - mean) / spread
    centres = rows[torch.randperm(len(rows), generator=generator)[:size]].clone()
    for _ in range(_ROUNDS):
        nearest = torch.cdist(rows, centres).argmin(dim=1)
        counts = torch.bincount(nearest, minlength=size)
        sums = torch.zeros_like(centres).index_add_(0, nearest, rows)
        centres = sums / counts.clamp(min=1)[:, None]
        empty = counts == 0
        spare = torch.randperm(len(rows), generator=generator)[: int(empty.sum())]
        centres[empty] = rows[spare]
    return Codebook(mean, spread, centres)
