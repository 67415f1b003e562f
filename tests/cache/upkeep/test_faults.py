"""Repair, merging and collecting that are cut off: the old state, the new one, or still damaged."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from langseg.cache.store.store import Store
from langseg.cache.upkeep.gc import collect
from langseg.cache.upkeep.repair import repair_store
from langseg.cache.upkeep.verify import examine
from tests.support.nursery import GONE, Nursery, content
from tests.support.store_rows import RECORD, make_answer, make_tables, make_vectors

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Three commits, each with vectors."""
    store = Store.open(tmp_path_factory.mktemp("upkeep") / "store", create=True)
    with store.writer() as writer:
        for number in (1, 2, 3):
            tables = make_tables([make_answer(number)])
            vectors = make_vectors(tables["texts"]["text_id"].to_pylist())
            writer.commit(tables, {"tiny": vectors}, {"tiny": RECORD})
    return store.path


def cut(nursery: Nursery, job: str, store: Path, folder: Path) -> Iterator[Path]:
    """A copy of the store for each step the job takes, cut at that step; at last a whole one."""
    step, status = 0, GONE
    while status == GONE:
        step += 1
        copy = folder / f"{step}"
        shutil.copytree(store, copy)
        status = nursery.run(job, store=copy, step=step)
        yield copy
    assert status == 0
    assert step > 10


def set_aside(store: Path) -> list[str]:
    """Of lost files, and of the manifests of older snapshots that needed them."""
    return sorted(str(path.relative_to(store)) for path in store.rglob("*.damaged"))


@pytest.mark.parametrize(
    "lost",
    [
        ("responses", "texts"), ("descriptors", "embeddings"), ("manifests/000003.json",),
        ("manifests/000003.json", "CURRENT", "requests"),
    ],
)  # fmt: skip
def test_repair__cut_at_any_step_is_finished_by_the_next_one(nursery, store, tmp_path, lost):
    damaged = tmp_path / "damaged"
    shutil.copytree(store, damaged)
    files = Store.open(store).manifest.files()
    for name in lost:
        file = damaged / (files[name][1] if name in files else name)
        file.write_bytes(file.read_bytes()[:-9] if file.stat().st_size > 20 else b"")
    shutil.copytree(damaged, tmp_path / "whole")
    repair_store(tmp_path / "whole", make_tables)
    wanted = content(tmp_path / "whole")
    assert len(set_aside(tmp_path / "whole")) >= len(lost)
    for copy in cut(nursery, "repair_until", damaged, tmp_path):
        if examine(copy).problems == []:
            assert content(copy) == wanted
        repair_store(copy, make_tables)
        assert examine(copy).problems == []
        assert content(copy) == wanted
        assert set_aside(copy) == set_aside(tmp_path / "whole")


def test_compact__cut_at_any_step_leaves_the_old_parts_or_the_new(nursery, store, tmp_path):
    wanted = content(store)
    counts = []
    for copy in cut(nursery, "compact_until", store, tmp_path):
        opened = Store.open(copy)
        assert examine(opened.path).problems == []
        assert content(copy) == wanted
        counts.append(len(opened.manifest.parts()))
    assert counts == sorted(counts, reverse=True)
    assert set(counts) == {16, 6}


def test_gc__cut_at_any_step_leaves_the_live_snapshot_whole(nursery, store, tmp_path):
    wanted = content(store)
    littered = tmp_path / "littered"
    shutil.copytree(store, littered)
    for name in ("texts/.part.parquet.1.tmp", "texts/part-0.parquet", "CURRENT.0.damaged"):
        (littered / name).write_bytes(b"x")
    for copy in cut(nursery, "collect_until", littered, tmp_path):
        assert examine(copy).problems == []
        assert content(copy) == wanted
        collect(Store.open(copy), keep_hours=0, damaged=True)
        assert (examine(copy).notes, examine(copy).garbage) == ([], [])
    assert len(list((copy / "manifests").iterdir())) == 1
