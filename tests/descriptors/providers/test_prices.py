"""A price is a figure with a source and a date, or it is unknown; it is never another model's."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langseg.cache.errors import InputError
from langseg.descriptors.providers.budget import Price
from langseg.descriptors.providers.prices import PriceTable, load_prices
from langseg.descriptors.vocabulary.class_list import load_yaml
from tests.support.repository import ROOT


def own(tmp_path: Path, text: str) -> PriceTable:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return load_prices(path)


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        own(tmp_path, text)
    return str(caught.value)


def test_shipped_table__has_a_source_and_a_past_date_for_every_figure():
    names = shipped()
    assert len(names) == len(set(names)) > 10
    for name in names:
        entry = load_prices().entry(name)
        assert entry is not None
        assert entry.model == name
        assert entry.source
        assert entry.source != "prices.yaml"
        assert date(2026, 1, 1) <= date.fromisoformat(entry.dated) <= date.today()
        assert entry.completion >= entry.prompt > (entry.cached or 0.0)


def shipped() -> list[str]:
    path = ROOT / "descriptors" / "providers" / "prices.yaml"
    document = load_yaml(path.read_text("utf-8"))
    assert isinstance(document, dict)
    return [str(entry["model"]) for entry in document["prices"]]


def test_price__is_that_of_the_model_and_half_of_it_in_a_batch():
    table = load_prices()
    assert table.price("gpt-5.4-nano") == Price(prompt=0.20, cached=0.02, completion=1.25)
    assert table.price("gpt-5.4-nano", batch=True) == Price(
        prompt=0.10, cached=0.01, completion=0.625
    )


def test_dated_snapshot__has_the_price_of_its_family_unless_it_has_its_own():
    table = load_prices()
    assert table.price("gpt-5.4-mini-2026-03-17") == table.price("gpt-5.4-mini")
    assert table.price("gpt-4o-2024-08-06") == table.price("gpt-4o")
    assert table.price("gpt-4o-2024-05-13") == Price(prompt=5.0, completion=15.0)


@pytest.mark.parametrize(
    "model",
    [
        "gpt-5-pro", "gpt-5.4-pro", "gpt-4o-mini-search-preview", "gpt-5.4-mini-2026-03-17-ft",
        "gpt-5.4-mini-latest", "openai/gpt-5-mini", "ft:gpt-4o-mini-2024-07-18:me::x", "GPT-5",
        "gpt-5-２０２６-01-01", "gpt-5-2026-01-01\n", "gpt", "", "bundled", "my-model",
    ],
)  # fmt: skip
def test_unknown_model__has_no_price_and_not_a_price_of_zero(model: str):
    assert load_prices().entry(model) is None
    assert load_prices().price(model) is None
    assert load_prices().price(model, batch=True) is None


@pytest.mark.slow
@given(st.sampled_from(shipped()), st.text(min_size=1, max_size=12), st.dates())
def test_longer_name__is_another_model_unless_it_ends_with_a_date(name: str, more: str, day: date):
    table = load_prices()
    entry = table.entry(name + more)
    assert entry is None or entry.model == name + more
    dated = table.entry(f"{name}-{day}")
    assert dated is not None
    assert dated.model in (name, f"{name}-{day}")


def test_own_table__beats_the_shipped_one_and_adds_to_it(tmp_path: Path):
    table = own(
        tmp_path,
        "prices:\n"
        "  - {model: gpt-4o, prompt: 1, completion: 2, dated: 2026-12-24, source: my contract}\n"
        "  - {model: local-7b, prompt: 0, completion: 0.5, batch: 1}\n",
    )
    assert table.price("gpt-4o") == Price(prompt=1.0, completion=2.0)
    assert table.price("gpt-4o-2024-05-13") == Price(prompt=1.0, completion=2.0)
    entry = table.entry("gpt-4o")
    assert entry is not None
    assert (entry.dated, entry.source) == ("2026-12-24", "my contract")
    local = table.entry("local-7b")
    assert local is not None
    assert (local.dated, local.source) == ("", str(tmp_path / "mine.yaml"))
    assert table.price("local-7b", batch=True) == Price(prompt=0.0, completion=0.5)
    assert table.price("gpt-5") == load_prices().price("gpt-5")


def test_other_server__has_the_prices_of_ones_own_table_only(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("prices: [{model: m, prompt: 1, completion: 2}]")
    table = load_prices(tmp_path / "mine.yaml", shipped=False)
    assert table.price("m") is not None
    assert table.price("gpt-4o") is None
    assert load_prices(shipped=False).price("gpt-4o") is None


def test_batch_price__is_unknown_where_the_table_does_not_say_it(tmp_path: Path):
    table = own(tmp_path, "prices: [{model: m, prompt: 1, completion: 2}]")
    assert table.price("m") is not None
    assert table.price("m", batch=True) is None


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{model: m, prompt: -1, completion: 2}", "prompt: wanted US dollars, 0 or more,"),
        ("{model: m, prompt: .nan, completion: 2}", "got nan"),
        ("{model: m, prompt: .inf, completion: 2}", "got inf"),
        ("{model: m, prompt: 1" + "0" * 400 + ", completion: 2}", "prompt: wanted US dollars"),
        ("{model: m, prompt: true, completion: 2}", "got True"),
        ("{model: m, prompt: '1', completion: 2}", "got '1'"),
        ("{model: m, prompt: 1, completion: 2, batch: 2}", "batch: wanted a part from 0 to 1"),
        ("{model: m, prompt: 1}", "completion is missing"),
        ("{prompt: 1, completion: 2}", "model is missing"),
        ("{model: 5, prompt: 1, completion: 2}", "model: wanted text, got 5"),
        ("{model: ' ', prompt: 1, completion: 2}", "model: wanted text"),
        ("{model: m, prompt: 1, completion: 2, price: 3}", "unknown key 'price'"),
        ("{model: m, prompt: 1, completion: 2, dated: soon}", "dated: wanted a day"),
        ("{model: m, prompt: 1, completion: 2, source: [a]}", "source: wanted text"),
        ("m", "wanted `model: ...` and its prices, got 'm'"),
    ],
)
def test_bad_entry__is_named_with_its_place_and_its_fault(tmp_path: Path, entry: str, problem: str):
    message = refusal(
        tmp_path, f"prices:\n- {{model: good, prompt: 1, completion: 2}}\n- {entry}\n"
    )
    assert message.startswith(f"{tmp_path / 'mine.yaml'}: these prices cannot be used: entry 2: ")
    assert problem in message
    assert "\n" not in message


def test_bad_entries__are_told_all_at_once_and_a_model_is_there_once(tmp_path: Path):
    message = refusal(
        tmp_path, "prices:\n" + "- {model: m, prompt: 1, completion: 2}\n" * 2 + "- 7\n" * 20
    )
    assert "entry 2: 'm' is there twice; entry 3: wanted" in message
    assert message.endswith("and 11 more")


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["", "[]", "prices: {}", "prices: 3", "a: [", "prices: \x07", "- " * 5000, "{}"],
)
def test_file_of_another_form__is_refused_in_one_sentence(tmp_path: Path, text: str):
    message = refusal(tmp_path, text)
    assert message.startswith(f"{tmp_path / 'mine.yaml'}: wanted a price table (")
    assert "\n" not in message


def test_file_that_cannot_be_read__is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="got No such file or directory"):
        load_prices(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="got Is a directory"):
        load_prices(tmp_path)
    (tmp_path / "big.yaml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(InputError, match="at most 1 MiB"):
        load_prices(tmp_path / "big.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"prices: \xff")
    with pytest.raises(InputError, match="YAML in UTF-8"):
        load_prices(tmp_path / "latin.yaml")
