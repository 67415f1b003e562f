"""The weight of each term of the total loss, as a configuration's ``loss`` sets it.

In:  numbers, by name.
Out: ``LossWeights``, which ``total`` sums by.
"""

from typing import Literal

from pydantic import Field

from langseg.cache.validation import checked

Resolution = Literal["sampled", "label", "quarter"]


@checked("loss", strict=False)
class LossWeights:
    """Weight of each term, 0 to leave it out; ``margin`` and ``guard`` belong to the triplet."""

    seg: float = Field(default=1.0, ge=0, description="Weight of the cross-entropy of pixels.")
    tri: float = Field(default=0.1, ge=0, description="Weight of the triplet term.")
    ms: float = Field(default=0.4, ge=0, description="Weight of the cross-entropy at each tap.")
    gen: float = Field(
        default=0.1, ge=0, description="Weight of which classes and scene are present."
    )
    resolution: Resolution = Field(
        default="sampled",
        description="Where the cross-entropy is taken: at pixels of the labels, spread evenly, at "
        "all of them, or at a quarter of the resolution.",
    )
    balance: float = Field(
        default=0.0, ge=0, le=1,
        description="A pixel weighs, in the cross-entropy, its class's share of the picture to the "
        "power of minus this: 0: all pixels alike; 1: all classes of a picture alike.",
    )  # fmt: skip
    margin: float = Field(
        default=0.2,
        ge=0,
        description="Wanted gap between the cosines to the own and the hardest class.",
    )
    guard: float = Field(
        default=0.8, ge=0,
        description="Classes whose text cosine to the own class is above it are near-synonyms and "
        "are no negatives.",
    )  # fmt: skip
