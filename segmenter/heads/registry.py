"""Build a head by the name of its kind.

In:  a HeadConfig, and the widths of what the head reads.
Out: the head with fresh weights.
"""

import torch

from langseg.segmenter.heads.aligned import AlignedHead
from langseg.segmenter.heads.base import Head
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.heads.dense import DenseHead
from langseg.segmenter.heads.linear import LinearHead

HEADS: dict[str, type[Head]] = {  # each of config.KINDS
    "dense": DenseHead, "linear": LinearHead, "aligned": AlignedHead,
}  # fmt: skip


def build_head(
    config: HeadConfig, *, width: int, patch: int, text_width: int, classes: int, taps: int,
    seed: int = 0,
) -> Head:  # fmt: skip
    """A head with fresh weights, the same for the same seed.

    Args: width: d; patch: pixels; text_width: D; classes: C, for heads that read no text;
    taps: how many maps the features have.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return HEADS[config.kind](
            config, width=width, patch=patch, text_width=text_width, classes=classes, taps=taps
        )
