"""A price is a figure with a source and a date, or it is unknown; it is never another model's."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langseg.cache.errors import UsageError
from langseg.descriptors.providers.budget import Price
from langseg.descriptors.providers.prices import PriceEntry, price_entry, shipped_prices
from langseg.descriptors.vocabulary.text_file import load_yaml
from tests.support.repository import ROOT


def price(model: str, *, batch: bool = False) -> Price | None:
    entry = price_entry(model)
    return None if entry is None else entry.price(batch=batch)


def test_shipped_table__has_a_source_and_a_past_date_for_every_figure():
    document = load_yaml((ROOT / "descriptors/providers/prices.yaml").read_text("utf-8"))
    assert isinstance(document, dict)
    assert len(shipped_prices()) == len(document["prices"]) > 10  # none is there twice
    for name, entry in shipped_prices().items():
        assert entry.model == name
        assert entry.source
        assert date(2026, 1, 1) <= entry.dated <= date.today()
        assert entry.completion >= entry.prompt > (entry.cached or 0.0)


def test_price__is_that_of_the_model_and_half_of_it_in_a_batch():
    assert price("gpt-5.4-nano") == Price(prompt=0.20, cached=0.02, completion=1.25)
    assert price("gpt-5.4-nano", batch=True) == Price(prompt=0.10, cached=0.01, completion=0.625)


def test_dated_snapshot__has_the_price_of_its_family_unless_it_has_its_own():
    assert price("gpt-5.4-mini-2026-03-17") == price("gpt-5.4-mini")
    assert price("gpt-4o-2024-08-06") == price("gpt-4o")
    assert price("gpt-4o-2024-05-13") == Price(prompt=5.0, completion=15.0)


@pytest.mark.parametrize(
    "model",
    [
        "gpt-5-pro", "gpt-5.4-pro", "gpt-4o-mini-search-preview", "gpt-5.4-mini-2026-03-17-ft",
        "gpt-5.4-mini-latest", "openai/gpt-5-mini", "ft:gpt-4o-mini-2024-07-18:me::x", "GPT-5",
        "gpt-5-２０２６-01-01", "gpt-5-2026-01-01\n", "gpt", "", "bundled", "my-model",
    ],
)  # fmt: skip
def test_unknown_model__has_no_price_and_not_a_price_of_zero(model: str):
    assert price_entry(model) is None


@pytest.mark.slow
@given(st.sampled_from(sorted(shipped_prices())), st.text(min_size=1, max_size=12), st.dates())
def test_longer_name__is_another_model_unless_it_ends_with_a_date(name: str, more: str, day: date):
    entry = price_entry(name + more)
    assert entry is None or entry.model == name + more
    dated = price_entry(f"{name}-{day}")
    assert dated is not None
    assert dated.model in (name, f"{name}-{day}")


def test_batch_price__is_unknown_where_the_table_does_not_say_it():
    entry = price_entry("gpt-4o")
    assert entry is not None
    assert replace(entry, batch=None).price(batch=True) is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"prompt": -1}, "prices.yaml: prompt: wanted greater than or equal to 0, got -1"),
        ({"prompt": float("nan")}, "prompt: wanted a finite number, got nan"),
        ({"prompt": "1"}, "prompt: wanted a valid number, got '1'"),
        ({"batch": 2.0}, "batch: wanted less than or equal to 1, got 2.0"),
        ({"dated": "soon"}, "dated: wanted a valid date"),
        ({"price": 3}, "price: no such setting"),
        ({"model": ""}, "model: "),
    ],
)
def test_bad_entry__is_refused_in_a_sentence(change: dict[str, Any], problem: str):
    values: dict[str, Any] = {
        "model": "m",
        "prompt": 1,
        "completion": 2,
        "dated": date.today(),
        "source": "s",
    }
    with pytest.raises(UsageError, match=problem):
        PriceEntry(**values | change)
