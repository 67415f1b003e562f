"""Who answers and what its tokens cost, from what a person gave."""

from typing import Any

import pytest

from langseg.cache.errors import UsageError
from langseg.descriptors.providers.budget import Price
from langseg.descriptors.providers.factory import make_budget, token_price

MODEL = "gpt-5.4-nano"


def price(kind: Any = "openai", **given: Any) -> tuple[Price | None, str]:
    nothing = {"base_url": "", "price_in": None, "price_out": None}
    return token_price(kind, MODEL, **nothing | given)


@pytest.fixture(autouse=True)
def own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def test_price__of_openais_server_is_the_tables_and_half_in_a_batch():
    whole, source = price()
    half, _ = price("openai-batch")
    assert whole is not None
    assert half is not None
    assert (half.prompt, half.completion) == (whole.prompt / 2, whole.completion / 2)
    assert source


def test_price__of_another_server_or_a_local_model_is_unknown(monkeypatch: pytest.MonkeyPatch):
    assert price(base_url="http://127.0.0.1:8000/v1") == (None, "")
    assert price("vllm") == (None, "")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    assert price() == (None, "")


def test_price__of_openais_server_is_known_however_its_address_is_spelt():
    spelt = "https://api.openai.com/v1/chat/completions"
    assert price(base_url=spelt) == price()


def test_price__that_is_given_beats_the_table():
    given = {"price_in": 1.0, "price_out": 2.0, "base_url": "http://127.0.0.1:8000/v1"}
    assert price(**given) == (Price(prompt=1.0, completion=2.0), "--price-in, --price-out")


def test_budget__in_dollars_needs_a_price():
    uncapped = {"requests": None, "tokens": None, "minutes": None}
    with pytest.raises(UsageError, match="price"):
        make_budget(None, cost_usd=1.0, **uncapped)
    make_budget(Price(prompt=1.0, completion=2.0), cost_usd=1.0, **uncapped)
