"""A folder stays within its bound, and no run loses what it reads."""

import json
import os
import re
from pathlib import Path

import pytest

from langseg.cache.errors import InputError, LockedError
from langseg.segmenter.data.sample import Sample
from tests.support.kept_features import kept_features, map_files
from tests.support.tiny_segmenter import tiny_samples, write_dataset


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> tuple[Sample, ...]:
    root = tmp_path_factory.mktemp("data")
    write_dataset(root, count=4)
    return tiny_samples(root)


@pytest.fixture(scope="module")
def size(samples, tmp_path_factory) -> int:
    """Bytes of the features of a run."""
    folder = tmp_path_factory.mktemp("size")
    kept_features(samples, folder)
    return sum(file.stat().st_size for file in map_files(folder))


def sets(folder: Path) -> dict[str, int]:
    files = map_files(folder)
    return {file.parent.name: sum(f.parent == file.parent for f in files) for file in files}


def set_of(samples, folder: Path, side: int) -> str:
    """The set of a side, used now."""
    (card,) = (
        card for card in folder.glob("*/set.json") if json.loads(card.read_text())["side"] == side
    )
    kept_features(samples, folder, side=side)
    return card.parent.name


def test_run__beyond_the_bound_is_refused_before_the_first_picture(samples, size, tmp_path):
    told = r"above the bound of 64.4 KiB; give --features-gib (\S+), or do without"
    with pytest.raises(InputError, match=told) as refused:
        kept_features(samples, tmp_path, max_bytes=size // 2)
    assert not map_files(tmp_path)
    gib = re.search(told, str(refused.value))
    assert gib is not None
    kept_features(samples, tmp_path, max_bytes=int(float(gib[1]) * 2**30))
    with pytest.raises(InputError, match="above the bound of 1 bytes; give --features-gib 0.00013"):
        kept_features(samples, tmp_path, max_bytes=1)
    with pytest.raises(InputError, match="of memory, above 64.4 KiB"):
        kept_features(samples, max_bytes=size // 2)


def test_features__used_longest_ago_are_dropped_for_others(samples, size, tmp_path):
    for side in (40, 48, 56):  # each smaller than the next
        kept_features(samples, tmp_path, side=side)
    first, oldest = (set_of(samples, tmp_path, side) for side in (40, 48))
    kept_features(samples, tmp_path, side=56)
    kept_features(samples, tmp_path, side=40)  # used again, and last
    before = sets(tmp_path)
    kept_features(samples, tmp_path, side=32, max_bytes=3 * size)
    after = sets(tmp_path)
    left = {name: after.get(name, 0) for name in before}
    assert sum(left.values()) < sum(before.values())
    assert min(left, key=lambda name: left[name]) == oldest
    assert left[first] == 8
    assert sum(file.stat().st_size for file in map_files(tmp_path)) <= 3 * size


def test_features__of_a_run_in_progress_are_not_dropped(samples, size, tmp_path):
    running = kept_features(samples, tmp_path)
    with pytest.raises(LockedError, match="what other runs read leaves"):
        kept_features(samples, tmp_path, side=40, max_bytes=size + size // 4)
    assert len(map_files(tmp_path)) == 8
    del running
    kept_features(samples, tmp_path, side=40, max_bytes=size + size // 4)


def test_features__of_other_pictures_in_the_same_set_are_dropped_too(samples, size, tmp_path):
    kept_features(samples[:2], tmp_path)
    kept_features(samples[2:], tmp_path, max_bytes=size // 2 + 4096)
    assert len(map_files(tmp_path)) == 4


def test_leftovers__of_killed_runs_go(samples, tmp_path):
    kept_features(samples, tmp_path)
    folder = map_files(tmp_path)[0].parent
    (folder / "run-1-dead.lock").touch()
    for name, age in ((".old.1.tmp", 7200), (".new.1.tmp", 0)):
        (folder / name).touch()
        then = (folder / name).stat().st_mtime - age
        os.utime(folder / name, (then, then))
    kept_features(samples, tmp_path, side=40, max_bytes=10 * 2**20)
    kept_features(samples, tmp_path)
    assert not (folder / ".old.1.tmp").exists()
    assert (folder / ".new.1.tmp").exists()
