"""Features are computed once, for every run that would compute the same, and no other."""

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from langseg.cache.errors import InputError, LangSegError
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.features.store import FeatureStore
from tests.support.kept_features import kept_features, map_files
from tests.support.rank_processes import rank_processes
from tests.support.repository import ROOT
from tests.support.tiny_segmenter import tiny_samples, tiny_vit, write_dataset


@pytest.fixture
def data(tmp_path) -> Path:
    write_dataset(tmp_path / "data", count=4)
    return tmp_path / "data"


@pytest.fixture
def samples(data) -> tuple[Sample, ...]:
    return tiny_samples(data)


def times_read(samples, folder: Path | None, **changes) -> int:
    """How many views the backbone is shown."""
    backbone, seen = changes.pop("backbone", None) or tiny_vit(), []
    handle = backbone.register_forward_pre_hook(lambda *args: seen.append(1))
    kept_features(samples, folder, backbone=backbone, **changes)
    handle.remove()
    return len(seen)


def test_features__are_computed_once_for_all_runs(samples, tmp_path):
    assert times_read(samples, tmp_path / "kept") == 8
    assert times_read(samples, tmp_path / "kept") == 0
    assert times_read(samples, tmp_path / "kept", views=4) == 8
    assert times_read(samples[:2], tmp_path / "kept") == 0


def test_features__kept_are_those_computed_bit_by_bit(samples, tmp_path):
    first = kept_features(samples, tmp_path / "kept", views=3)
    again = kept_features(samples, tmp_path / "kept", views=3)
    in_memory = kept_features(samples, views=3)
    for number in range(3):
        wanted = in_memory.maps(1, number)
        for kept in (first, again):
            got = kept.maps(1, number)
            assert torch.equal(got.taps, wanted.taps)
            assert torch.equal(got.cls, wanted.cls)
        window = again.maps(1, number, (1, 0, 2, 3))
        assert torch.equal(window.taps, wanted.taps[:, 1:3, 0:3])


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": tiny_vit(seed=1)},
        {"backbone": tiny_vit(depth=8)},
        {"side": 56},
        {"unit": 24},
        {"views": 3, "scale": (0.5, 1.0)},
    ],
    ids=["weights", "depth", "side", "unit", "scale"],
)
def test_features__of_other_settings_are_others(samples, tmp_path, changes):
    kept_features(samples, tmp_path / "kept", views=changes.get("views", 2))
    assert times_read(samples, tmp_path / "kept", **changes) > 0


def test_features__of_other_taps_are_others(samples, tmp_path):
    backbone = tiny_vit()
    kept_features(samples, tmp_path / "kept", backbone=backbone)
    backbone.taps = (0, 1)
    assert times_read(samples, tmp_path / "kept", backbone=backbone) == 8


def test_features__belong_to_a_picture_not_to_its_name_or_place(samples, tmp_path):
    kept_features(samples, tmp_path / "kept")
    moved = replace(samples[0], stem="elsewhere", image=tmp_path / "elsewhere.png")
    moved.image.write_bytes(samples[0].image.read_bytes())
    assert times_read([moved, moved], tmp_path / "kept") == 0
    times = os.stat(samples[0].image)
    with Image.open(samples[0].image) as image:
        image.transpose(Image.Transpose.ROTATE_180).save(samples[0].image)  # of the same size
    os.utime(samples[0].image, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert times_read(samples, tmp_path / "kept") == 2


@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "garbage", "foreign", "gone"])
def test_maps__that_are_damaged_are_computed_again(samples, tmp_path, damage):
    kept_features(samples, tmp_path / "kept")
    kept = kept_features(samples, tmp_path / "kept")
    for file in map_files(tmp_path / "kept"):
        whole = file.read_bytes()
        middle = len(whole) // 2
        match damage:
            case "bit":
                file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :])
            case "cut" | "empty":
                file.write_bytes(whole[: middle if damage == "cut" else 0])
            case "garbage":
                file.write_bytes(os.urandom(2000))
            case "foreign":
                other = kept_features(samples, tmp_path / "other", side=56)
                file.write_bytes(map_files(tmp_path / "other")[0].read_bytes())
                assert other is not None
            case "gone":
                file.unlink()
    wanted = kept_features(samples).maps(0, 1)
    assert torch.equal(kept.maps(0, 1).taps, wanted.taps)
    assert torch.equal(kept_features(samples, tmp_path / "kept").maps(0, 1).taps, wanted.taps)


def test_picture__that_changes_under_a_run_is_named(samples, tmp_path):
    kept = kept_features(samples, tmp_path / "kept")
    for file in map_files(tmp_path / "kept"):
        file.unlink()
    Image.new("RGB", (56, 48)).save(samples[0].image)
    with pytest.raises(InputError, match=r"p0\.png: wanted the picture that was there"):
        kept.maps(0, 0)


def test_backbone__whose_features_float16_cannot_hold_is_refused(samples, tmp_path):
    backbone = tiny_vit()
    backbone.vit.norm.weight.data *= 1e5
    with pytest.raises(
        InputError, match=r"p\d\.png: wanted features .* within 65504.*; read fresh ones, or take"
    ):
        kept_features(samples, tmp_path / "kept", backbone=backbone, instead="read fresh ones")
    assert not map_files(tmp_path / "kept")


def test_features__computed_before_a_fault_are_kept(samples, tmp_path):
    whole = samples[3].image.read_bytes()
    samples[3].image.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InputError, match=r"p3\.png"):  # the order is another each time
        kept_features(samples, tmp_path / "kept")
    before = len(map_files(tmp_path / "kept"))
    assert times_read(samples[:3], tmp_path / "kept") == 6 - before


def test_disk__that_fills_up_keeps_what_it_took_and_names_the_rest(samples, tmp_path, monkeypatch):
    writes, write = [], FeatureStore._write

    def full(self, path, maps) -> None:
        writes.append(path)
        if len(writes) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, path, maps)

    monkeypatch.setattr(FeatureStore, "_write", full)
    with pytest.raises(
        LangSegError, match=r"kept: the disk is full and 82.2 KiB of features .*--features"
    ):
        kept_features(samples, tmp_path / "kept")
    monkeypatch.undo()
    assert times_read(samples, tmp_path / "kept") == 5


def test_disk__too_small_is_refused_before_the_first_picture(samples, tmp_path, monkeypatch):
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    monkeypatch.setattr("langseg.segmenter.features.store.OVERHEAD", free)
    monkeypatch.setattr("langseg.segmenter.features.kept.OVERHEAD", free)
    with pytest.raises(LangSegError, match=r"would take .* more, and the disk has"):
        kept_features(samples, tmp_path / "kept", max_bytes=2**60)
    assert not map_files(tmp_path / "kept")


def test_folder__that_is_a_file_is_named(samples, tmp_path):
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(InputError, match="wanted a folder for features, got a file"):
            kept_features(samples, folder)


@pytest.mark.slow
def test_features__of_a_killed_run_are_kept_and_nothing_is_half(data, samples, tmp_path):
    command = [sys.executable, "-m", "tests.support.filled_features", data, tmp_path / "kept", "7"]
    killed = subprocess.run(command, cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    assert times_read(samples, tmp_path / "kept", views=4) == 16 - 6


@pytest.mark.slow
def test_processes__that_fill_one_folder_share_the_work(data, samples, tmp_path):
    command = [sys.executable, "-m", "tests.support.filled_features", data, tmp_path / "kept"]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    seen = [int(process.communicate()[0]) for process in both]
    assert 16 <= sum(seen) <= 32
    assert times_read(samples, tmp_path / "kept", views=4) == 0
    assert not list((tmp_path / "kept").glob("*/.*.tmp"))


_TWO_RANKS = """
import json, sys
from pathlib import Path
import torch
from langseg.segmenter.distributed import process_group
from langseg.segmenter.features import kept
from tests.support.kept_features import kept_features
from tests.support.tiny_segmenter import tiny_samples
hashed = []
look = kept._picture
def looked(sample):
    hashed.append(sample.stem)
    return look(sample)
def told(phase, done, total):
    if phase == sys.argv[3] and rank == 1:
        raise KeyboardInterrupt
kept._picture = looked
with process_group(torch.device("cpu")) as (rank, _):
    try:
        done = kept_features(tiny_samples(Path(sys.argv[1])), Path(sys.argv[2]), on_progress=told)
        print(json.dumps([sorted(hashed), done._pictures]))
    except KeyboardInterrupt:
        print("stopped")
"""


@pytest.mark.slow
def test_two_ranks__hash_half_of_the_pictures_each_and_know_all(data, samples, tmp_path):
    alone = kept_features(samples, tmp_path / "kept")
    ranks = rank_processes(2, "-c", _TWO_RANKS, data, tmp_path / "kept", "")
    said = [json.loads(rank.stdout) for rank in ranks]
    stems = [sample.stem for sample in samples]
    assert [hashed for hashed, _ in said] == [stems[::2], stems[1::2]]
    for _, pictures in said:
        assert [tuple(picture) for picture in pictures] == alone._pictures


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["looking for kept features", "reading features"])
def test_two_ranks__both_end_where_the_second_is_stopped(data, tmp_path, phase):
    ranks = rank_processes(2, "-c", _TWO_RANKS, data, tmp_path / "kept", phase)
    assert [rank.stdout for rank in ranks] == ["stopped\n"] * 2
