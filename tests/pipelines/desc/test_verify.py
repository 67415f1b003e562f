"""What `verify` says of a store and its banks."""

from pathlib import Path

import pytest

from langseg.cache.store.store import Store
from langseg.pipelines.desc.verify import run_verify


@pytest.mark.slow
def test_verify__names_a_bank_whose_header_is_of_another_shape(tmp_path: Path):
    store = tmp_path / "store"
    Store.open(store, create=True)
    (store / "banks/x").mkdir(parents=True)
    (store / "banks/x/bank.json").write_text('{"names": 5}')
    (store / "banks/x/bank-0123456789abcdef.safetensors").touch()
    (problem,) = run_verify(store).problems
    assert "banks/x" in problem
