"""Whole-file writes: the file or no file, and never a half of one."""

import errno
import os
from pathlib import Path

import pytest

from langseg.cache.files import make_folder, sha256_of, write_atomic, write_new


def refuse(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_atomic__replaces_what_stood_there(tmp_path):
    target = tmp_path / "CURRENT"
    write_atomic(target, b"old")
    write_atomic(target, b"new")
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["CURRENT"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_write_atomic__keeps_the_old_file_when_the_disk_refuses(tmp_path, monkeypatch, step):
    target = tmp_path / "CURRENT"
    write_atomic(target, b"old")
    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(OSError, match="Input/output"):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["CURRENT"]


def test_write_new__lets_the_first_of_two_writers_win(tmp_path):
    target = tmp_path / "000001.json"
    write_new(target, b"first")
    with pytest.raises(FileExistsError):
        write_new(target, b"second")
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["000001.json"]


def test_write_new__does_without_hard_links(tmp_path, monkeypatch):
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    target = tmp_path / "000001.json"
    write_new(target, b"first")
    with pytest.raises(FileExistsError, match=r"000001\.json"):
        write_new(target, b"second")
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["000001.json"]


def test_write_new__passes_other_faults_on(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match="Input/output"):
        write_new(tmp_path / "000001.json", b"first")
    assert names(tmp_path) == []


def test_make_folder__makes_parents_and_accepts_what_is_there(tmp_path):
    folder = tmp_path / "embeddings" / "encoder=tiny"
    assert make_folder(folder) == folder
    assert make_folder(folder).is_dir()


def test_sha256_of__is_the_hash_of_the_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea")
