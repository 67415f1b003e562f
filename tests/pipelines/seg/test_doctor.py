import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from langseg.pipelines.cli.seg import app

FOLDERS = {
    "train": ("images/training", "annotations/training"),
    "val": ("images/validation", "annotations/validation"),
}


@pytest.fixture
def msrc(tmp_path) -> Path:
    """Six pictures a split: sky, and one of two other classes below."""
    rng = np.random.default_rng(0)
    for split, (images, labels) in FOLDERS.items():
        for folder in (images, labels):
            (tmp_path / folder).mkdir(parents=True)
        for place in range(6):
            ids = np.full((12, 10), 7, np.uint8)
            ids[6:] = 2 + place % 2
            Image.fromarray(ids).save(tmp_path / labels / f"{split}{place}.png")
            pixels = rng.integers(0, 255, (12, 10, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / images / f"{split}{place}.png")
    return tmp_path


def doctor(data: Path, *flags: str, exit_code: int = 0) -> dict[str, Any]:
    command = ["doctor", "--dataset", "msrc", "--data", str(data), "--json", *flags]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == exit_code, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_doctor__tells_what_is_labelled_in_each_split(msrc):
    report = doctor(msrc)
    train, val = report["splits"]
    assert (train["pictures"], train["labelled_share"]) == (6, 1.0)
    assert val["pixels"] == {"grass": 180, "tree": 180, "sky": 360}
    assert len(val["absent"]) == 20
    assert train["faults"] == train["doubts"] == report["doubts"] == []


def test_doctor__shows_shares_as_a_legend_does_those_of_a_picture(msrc):
    ids = np.full((50, 50), 7, np.uint8)
    ids[0, 0] = 4
    Image.fromarray(ids).save(msrc / "annotations/validation/val1.png")
    Image.new("RGB", (50, 50)).save(msrc / "images/validation/val1.png")
    result = CliRunner().invoke(app, ["doctor", "--dataset", "msrc", "--data", str(msrc)])
    rows = [line.split(maxsplit=1) for line in result.stdout.splitlines() if line.strip()]
    shown = {row[0]: row[1].split("  ") for row in rows if len(row) == 2}
    assert [one.strip() for one in shown["cow"] if one.strip()] == ["-", "< 0.1 %"]


def test_doctor__names_every_file_that_cannot_be_used_and_goes_on(msrc):
    (msrc / "annotations/training/train1.png").write_bytes(b"")
    whole = (msrc / "images/validation/val2.png").read_bytes()
    (msrc / "images/validation/val2.png").write_bytes(whole[:200])  # its header is whole
    Image.new("L", (10, 12), 99).save(msrc / "annotations/validation/val4.png")
    train, val = doctor(msrc, exit_code=3)["splits"]
    assert ["train1.png" in fault for fault in train["faults"]] == [True]
    assert [name for fault in val["faults"] for name in ("val2", "val4") if name in fault] == [
        "val4",
        "val2",
    ]


def test_doctor__doubts_pictures_and_classes_that_the_splits_do_not_share_as_they_should(msrc):
    (msrc / "images/validation/val0.png").write_bytes(
        (msrc / "images/training/train3.png").read_bytes()
    )
    Image.new("L", (10, 12), 4).save(msrc / "annotations/validation/val1.png")
    doubts = doctor(msrc)["doubts"]
    assert isinstance(doubts, list)
    assert [doubt["kind"] for doubt in doubts] == [
        "pictures in both splits",
        "classes in val alone",
    ]
    assert "(cow)" in doubts[1]["sentence"]


def test_doctor__doubts_a_list_of_scenes_that_names_other_pictures(msrc):
    (msrc / "sceneCategories.txt").write_text("other1 street\nother2 kitchen\n")
    result = CliRunner().invoke(
        app, ["doctor", "--dataset", "ade20k", "--data", str(msrc), "--split", "val"]
    )
    assert "names the scene of 0 of 6 pictures (not of val0)" in " ".join(result.stderr.split())


def test_doctor__looks_at_one_split_where_the_other_is_not_there(msrc):
    for folder in FOLDERS["train"]:
        for file in (msrc / folder).iterdir():
            file.unlink()
    report = doctor(msrc)
    assert [split["split"] for split in report["splits"]] == ["val"]
    assert "images/training" in report["missing"]["train"]
    doctor(msrc, "--split", "val")
