"""An export that dies at any moment leaves, under the name it was given, a whole one or none."""

import os
import resource
import signal
import sys
from pathlib import Path
from shutil import rmtree

import pytest

from langseg.pipelines.desc.export import ExportConfig, run_export

pytestmark = pytest.mark.slow

TOUCHES = ("open", "os.rename", "os.mkdir")  # told before they happen
CLASSES = ("sky", "wall", "tree", "road", "car", "bed", "sea", "house", "chair", "person")
LATE = 1000  # after the last touch


@pytest.fixture(params=["jsonl", "csv", "parquet", "hf"])
def config(call, request: pytest.FixtureRequest, tmp_path: Path) -> ExportConfig:
    (tmp_path / "rooms.txt").write_text("\n".join(CLASSES))
    classes, store = tmp_path / "rooms.txt", tmp_path / "store"
    call("langseg-desc", "generate", "--classes", classes, "--store", store)
    out = tmp_path / "into" / "out"
    return ExportConfig(format=request.param, out=out, classes=classes, store=store)


def contents(out: Path) -> dict[str, bytes]:
    """What a reader of ``out`` sees; temporary files are nobody's input."""
    files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    seen = {str(path.relative_to(out)): path for path in files if not path.name.endswith(".tmp")}
    return {name: path.read_bytes() for name, path in seen.items()}


def dies(config: ExportConfig, *, at: int = LATE, size: int | None = None) -> bool:
    """Export in a process of its own, which is killed before its ``at``-th touch of the target's
    folder, or while it writes a file, after ``size`` bytes. False when it ended before."""
    child = os.fork()
    if child == 0:
        left = at

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in TOUCHES and str(arguments[0]).startswith(str(config.out.parent)):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(hook)
            if size is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            run_export(config)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def exported(config: ExportConfig) -> dict[str, bytes]:
    run_export(config)
    return contents(config.out)


def remove(out: Path) -> None:
    """As if no export had been."""
    if out.is_dir():
        rmtree(out)
    out.unlink(missing_ok=True)


def make_old(out: Path, whole: dict[str, bytes]) -> None:
    """As if the export had been another, of which only the card is the same: without it, it would
    be none."""
    for name in whole:
        if name != "README.md":
            (out / name).write_bytes(b"old")


def test_new_export_that_is_killed__is_there_whole_or_not_at_all(config: ExportConfig):
    whole = exported(config)
    for data in whole.values():
        remove(config.out)
        assert dies(config, size=len(data) - 1)
        assert contents(config.out) == {}
    at = 0
    remove(config.out)
    while dies(config, at=at):
        assert contents(config.out) in ({}, whole)
        remove(config.out)
        at += 1
    assert at > 2
    assert contents(config.out) == whole


def test_export_over_another_that_is_killed__leaves_each_file_old_or_new(config: ExportConfig):
    whole = exported(config)
    cuts = [{"at": at} for at in range(8)]
    for cut in [*cuts, *({"size": len(data) - 1} for data in whole.values())]:
        make_old(config.out, whole)
        dies(config, **cut)
        seen = contents(config.out)
        assert seen.keys() == whole.keys()
        assert all(data in (whole[name], b"old") for name, data in seen.items())
    assert max(whole, key=lambda name: len(whole[name])) != "README.md"  # each one was cut
    assert not dies(config)
    assert contents(config.out) == whole
