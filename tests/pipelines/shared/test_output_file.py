"""Where a command is to write is looked at before its work, and folders that lack are made."""

import os
from pathlib import Path

import pytest

from langseg.cache.store import store as store_module
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from tests.support.quiet import Quiet

DESC = "langseg-desc"
WRITERS = {
    "sql": ("--format", "csv", "from texts", "--out"),
    "audit": ("--dataset", "camvid", "--html"),
    "export": ("--dataset", "camvid", "--out"),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("target") / "store"
    run_generate(DescribeConfig(dataset="camvid", store=folder), Quiet())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", WRITERS)
def test_target__in_folders_that_lack_is_written_with_them(call, store, tmp_path, command):
    out = tmp_path / "a" / "b" / "x.out"
    for _ in range(2):
        done = call(DESC, command, "--store", store, *WRITERS[command], out)
        assert (done.code, out.stat().st_size > 100) == (0, True)
        assert [path.name for path in out.parent.iterdir()] == ["x.out"]


@pytest.mark.parametrize("command", WRITERS)
def test_target__that_cannot_be_written_is_refused_before_the_store_is_read(
    call, store, tmp_path, command, monkeypatch: pytest.MonkeyPatch
):
    def read(*_: object, **__: object) -> None:
        raise AssertionError("the store was opened")

    monkeypatch.setattr(store_module.Store, "open", read)
    file = tmp_path / "file"
    file.write_text("before")
    os.mkfifo(tmp_path / "pipe")
    *flags, flag = WRITERS[command]
    for out, sentence in (
        (tmp_path, f"{tmp_path}: wanted a file for {flag}, got a folder; name a file in it, such"),
        (tmp_path / "pipe", f"wanted a file for {flag}, got a device or a pipe; name a file"),
        (file / "a" / "x", f"{file}/a/x: wanted a folder at {file}, got a file; give {flag} anot"),
    ):
        done = call(DESC, command, "--store", store, *flags, flag, out)
        assert (done.code, done.out) == (3, "")
        assert sentence in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "pipe"]
    assert file.read_text() == "before"


@pytest.mark.parametrize("command", WRITERS)
def test_target__in_a_folder_that_may_not_be_written_is_refused(call, store, tmp_path, command):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("root may write anywhere")
    done = call(DESC, command, "--store", store, *WRITERS[command], tmp_path / "a" / "x")
    tmp_path.chmod(0o700)
    assert done.code == 3
    assert f"got {tmp_path}, which may not be written" in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("none.json", "a file of descriptors ({}) there"), ("", "one file of descriptors ({}) in")],
)
def test_import__of_no_file_says_what_it_wanted(call, tmp_path, name, wanted):
    place = tmp_path / name
    done = call(DESC, "import", place, "--store", tmp_path / "store")
    assert done.code == 3
    kinds = "json, jsonl, ndjson, csv, tsv, yaml, yml, parquet"
    assert done.err.startswith(f"error: {place}: wanted {wanted.format(kinds)}")
    assert ", got none" in done.err
