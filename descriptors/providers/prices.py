"""What a hosted model costs, as far as somebody has read it and said where and when.

In:  the price table that ships.
Out: for a model's name its price with source and date; or None, for "unknown", which is not 0.

Prices move and models of one family differ, so a name matches itself and its dated snapshots
only: no price of ``gpt-5`` is ever taken for ``gpt-5-pro``.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files as package_files

from pydantic import Field

from langseg.cache.validation import checked
from langseg.descriptors.providers.budget import Price
from langseg.descriptors.vocabulary.text_file import load_yaml

_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}\Z", re.ASCII)


@checked("prices.yaml")
class PriceEntry:
    """One line of the table, in US dollars per million tokens.

    ``batch`` is the part of the price that a batch costs, None where nobody has said; ``dated``
    is the day on which ``source`` was read.
    """

    model: str = Field(min_length=1)
    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)
    batch: float | None = Field(default=None, ge=0, le=1)
    dated: date
    source: str = Field(min_length=1)

    def price(self, *, batch: bool = False) -> Price | None:
        """What a request costs; None for a batch whose price is unknown."""
        part = self.batch if batch else 1.0
        if part is None:
            return None
        cached = None if self.cached is None else self.cached * part
        return Price(prompt=self.prompt * part, completion=self.completion * part, cached=cached)


def price_entry(model: str) -> PriceEntry | None:
    """The entry of the model, or of the family that it is a dated snapshot of."""
    prices = shipped_prices()
    return prices.get(model) or prices.get(_SNAPSHOT.sub("", model))


@cache
def shipped_prices() -> Mapping[str, PriceEntry]:
    """The table, by model."""
    file = package_files("langseg.descriptors.providers").joinpath("prices.yaml")
    document = load_yaml(file.read_text("utf-8"))
    assert isinstance(document, dict)
    return {entry["model"]: PriceEntry(**entry) for entry in document["prices"]}
