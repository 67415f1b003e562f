"""The weight of each term of the total loss, as a configuration's ``loss`` sets it.

In:  numbers, by name.
Out: ``LossWeights``, which ``total`` sums by.
"""

from dataclasses import asdict, dataclass

from langseg.cache.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Weight of each term, 0 to leave it out; ``margin`` and ``guard`` belong to the triplet.

    ``margin``: wanted gap between the cosines to the own and to the hardest other class;
    ``guard``: classes whose text cosine to the own class is above it are near-synonyms and
    are no negatives.
    """

    seg: float = 1.0
    tri: float = 0.1
    ms: float = 0.4
    gen: float = 0.1
    margin: float = 0.2
    guard: float = 0.8

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value >= 0:
                raise UsageError(f"loss: wanted {name} 0 or more, got {value}")
