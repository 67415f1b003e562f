"""The settings of a head.

In:  values, by name.
Out: a HeadConfig; torch is not loaded for it.
"""

from typing import Literal, get_args

from pydantic import Field

from langseg.cache.validation import checked

Kind = Literal["dense", "linear", "aligned"]
KINDS: tuple[str, ...] = get_args(Kind)


@checked("head", strict=False)
class HeadConfig:
    """Settings of a head; ``linear`` reads only ``kind`` and ``dropout``, ``aligned`` only
    ``kind``."""

    kind: Kind = Field(
        default="dense",
        description="dense reads the bank, aligned too, fitted without a step of training; linear "
        "is the probe to beat.",
    )
    aligned_share: float = Field(
        default=0.0, ge=0, le=1,
        description="Of dense: share of an aligned head, fitted before the first step, in the "
        "geometric mean of both heads' probabilities.",
    )  # fmt: skip
    hidden: int = Field(default=192, ge=1, le=8192, description="Width of the blocks.")
    blocks: int = Field(default=2, ge=0, le=64, description="Convolution blocks.")
    dropout: float = Field(
        default=0.1, ge=0, lt=1,
        description="Share of the features' channels, and of the blocks' output, that a step "
        "leaves out.",
    )  # fmt: skip
    beta: float = Field(
        default=4.0,
        ge=0,
        description="How sharply the scene token picks descriptors, see ``collapse``.",
    )
    text_adapter: bool = Field(
        default=False,
        description="Add a small residual MLP, shared by all classes, to the class vectors.",
    )
