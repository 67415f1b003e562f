"""The settings of how a comparison reads patches and words, the same for all arms.

In:  values, by name.
Out: a Reader; torch is not loaded for it.
"""

from pydantic import Field

from langseg.cache.validation import checked

PENALTY = 4.0  # 1 to 14 differ by a point on held-out training pictures (docs/proof.md)


@checked("reader", strict=False)
class Reader:
    """As it is a patch is scored by itself, and words by all that they say."""

    clusters: int = Field(
        default=0, ge=0,
        description="Of a picture's patches, over which scores are averaged; 0 is none.",
    )  # fmt: skip
    whole: float = Field(
        default=0.0, ge=0, le=1,
        description="Share of the picture's average in those of its clusters.",
    )  # fmt: skip
    rank: int = Field(
        default=0, ge=0,
        description="Main directions of the trained words in which words are compared; 0 is all.",
    )  # fmt: skip
    penalty: float = Field(default=PENALTY, gt=0, description="Of the ridge.")
