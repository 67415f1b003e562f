"""Draw pictures with rare classes more often.

In:  pixels of each class in each picture, and a temperature.
Out: the share of the draws that each picture gets.

DAFormer's rare class sampling (2111.14887, Eq. 9): a class is drawn with a probability that falls
with its share of the pixels, then a picture that shows it, each as often as any other.
"""

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import InputError


def rare_class_shares(counts: NDArray[np.int32], temperature: float) -> bytes:
    """Float64 [N] as bytes, which a cache of orders can look up; they sum to 1.

    Args: counts: [N, C + 1], the unlabelled pixels last, as ``LabelCheck`` has them;
        temperature: 0.01 in the paper; the smaller, the rarer.
    Raises: InputError, where nothing is labelled.
    """
    labelled = counts[:, :-1]
    pixels = labelled.sum(axis=0, dtype=np.float64)
    shown = labelled > 0
    there = pixels > 0
    if not there.any():
        raise InputError("rare classes: wanted labelled pixels, got none")
    rarity = (1 - pixels / pixels.sum()) / temperature
    chance = np.where(there, np.exp(rarity - rarity[there].max()), 0)
    chance /= chance.sum()
    shares = shown @ np.divide(chance, shown.sum(axis=0), where=there, out=np.zeros_like(chance))
    return np.asarray(shares / shares.sum(), np.float64).tobytes()
