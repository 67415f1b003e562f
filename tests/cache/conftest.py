"""Stores that hold the rows of a small run."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from langseg.cache.store.store import Store
from tests.support.store_rows import RECORD, make_answer, make_tables, make_vectors


@pytest.fixture(scope="session")
def rows() -> SimpleNamespace:
    return SimpleNamespace(
        answer=make_answer, tables=make_tables, vectors=make_vectors, record=RECORD
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store.open(tmp_path / "store", create=True)


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store.open(tmp_path_factory.mktemp("filled") / "store", create=True)
    with store.writer() as writer:
        writer.commit(make_tables([make_answer(number) for number in (1, 2, 3)]))
        writer.commit(make_tables([make_answer(number) for number in (4, 5)]))
        ids = store.table("texts", ("text_id",))["text_id"].to_pylist()
        writer.commit({}, {"tiny": make_vectors(ids)}, {"tiny": RECORD})
    return store.path


@pytest.fixture
def filled(filled_once: Path, tmp_path: Path) -> Store:
    """Three answers, two more, then embeddings of every text: three commits."""
    store = Store(shutil.copytree(filled_once, tmp_path / "store"))
    with store.writer():  # a copy's views.sql names the folder it was copied from until then
        assert store.manifest.number == 3
    return store
