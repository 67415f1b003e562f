from dataclasses import asdict
from pathlib import Path

import pytest

from langseg.cache.errors import UsageError
from langseg.pipelines.seg.settings import (
    EvalSettings,
    PredictSettings,
    shipped_configs,
    train_settings,
)
from langseg.pipelines.seg.train import backbone_flags
from langseg.pipelines.shared.settings import load_config
from langseg.segmenter.backbones.vit import BackboneSource


@pytest.mark.parametrize("file", shipped_configs(), ids=lambda file: file.stem)
def test_shipped_config__is_valid(file: Path):
    assert train_settings(file.stem, {}).training.steps > 0


def test_train_settings__of_a_dataset_are_its_shipped_ones_and_a_wrong_name_lists_them():
    assert train_settings(None, {"dataset": "camvid"}) == train_settings(
        "camvid", {"dataset": "camvid"}
    )
    with pytest.raises(UsageError, match="ade20k, camvid, coco-panoptic, demo, msrc"):
        train_settings("nobodys", {})


def test_train_settings__taps_are_numbers_with_commas_or_a_list(tmp_path):
    (tmp_path / "own.yaml").write_text("taps: [2, 5]\n")
    assert train_settings(str(tmp_path / "own.yaml"), {}).taps == (2, 5)
    assert train_settings("demo", {"taps": "5,8,11"}).taps == (5, 8, 11)
    assert train_settings("demo", {}).taps is None
    with pytest.raises(UsageError, match="--taps, value 2: wanted a valid integer, got 'last'"):
        train_settings("demo", {"taps": "5,last"})


def test_backbone_flags__ask_for_the_commit_that_a_run_was_begun_with():
    source = BackboneSource(name="vit_tiny", pretrained=True, revision="0a1b", taps=(5, 8))
    flags = list(backbone_flags(asdict(source)))
    assert flags == ["--backbone", "vit_tiny", "--revision", "0a1b", "--pretrained"]


def test_train_settings__taps_of_a_file_are_those_of_its_backbone(tmp_path):
    assert train_settings("msrc", {}).taps == (5, 7, 8, 9)
    assert train_settings("msrc", {"backbone": "dinov2-small-offline"}).taps == (5, 7, 8, 9)
    assert train_settings(None, {"dataset": "msrc", "backbone": "demo"}).taps is None
    assert train_settings("msrc", {}, ["backbone=demo"]).taps is None
    assert train_settings("msrc", {"backbone": "demo", "taps": "2,5"}).taps == (2, 5)
    (tmp_path / "own.yaml").write_text("taps: [2, 5]\n")
    assert train_settings(str(tmp_path / "own.yaml"), {"backbone": "demo"}).taps == (2, 5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("4", "--grey-window: wanted LOW,HIGH, such as -160,240, got '4'"),
        ("1,2,3", "--grey-window: wanted LOW,HIGH, such as -160,240, got '1,2,3'"),
        ("4,4", "--grey-window: wanted LOW below HIGH, such as -160,240, got '4,4'"),
        ("nan,4", "--grey-window: wanted LOW below HIGH"),
        ("4,x", "--grey-window, value 2: wanted a valid number, got 'x'"),
    ],
)
def test_settings__a_wrong_window_is_told_with_its_flag_and_form(text, told):
    with pytest.raises(UsageError, match=told):
        train_settings("demo", {"grey_window": text})
    with pytest.raises(UsageError, match=told):
        load_config(PredictSettings, None, {"images": ("a.jpg",), "grey_window": text})


@pytest.mark.parametrize(
    ("name", "value"), [("seed", 2**63), ("features_gib", float("inf")), ("views", 257)]
)
def test_train_settings__a_number_that_no_run_can_have_is_told(name, value):
    inside = {name: value} if name == "features_gib" else {"training": {name: value}}
    with pytest.raises(UsageError, match="wanted (less than|a finite number)"):
        train_settings("demo", inside)


def test_eval_settings__a_wrong_severity_is_one_mistake():
    with pytest.raises(UsageError) as caught:
        load_config(EvalSettings, None, {"severities": "9"})
    assert str(caught.value) == "--severities, value 1: wanted less than or equal to 5, got '9'"
