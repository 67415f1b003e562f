"""One configuration from a file and flags: flags win, and every mistake is named at once."""

import re
import traceback
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.errors import UsageError
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.desc.sql import SqlConfig
from langseg.pipelines.seg.settings import TrainSettings
from langseg.pipelines.shared.settings import load_config


def test_load_config__flag_beats_file_and_file_beats_default(tmp_path: Path):
    file = tmp_path / "settings.yaml"
    file.write_text("attributes: 12\nsubclasses: 3\n")
    config = load_config(DescribeConfig, file, {"attributes": 9, "subclasses": None})
    assert (config.attributes, config.subclasses, config.scene_attributes) == (9, 3, 3)


def test_load_config__merges_nested_settings(tmp_path: Path):
    file = tmp_path / "settings.yaml"
    file.write_text("training: {steps: 7, head: {hidden: 128}}\n")
    flags = {"training": {"steps": None, "crop": 64, "head": {"kind": "linear"}}}
    training = load_config(TrainSettings, file, flags).training
    assert (training.steps, training.crop) == (7, 64)
    assert (training.head.hidden, training.head.kind) == (128, "linear")


def test_load_config__names_every_mistake_in_one_message(tmp_path: Path):
    file = tmp_path / "settings.yaml"
    file.write_text("atributes: 12\nsubclasses: many\ntraining: {}\n")
    with pytest.raises(UsageError) as caught:
        load_config(DescribeConfig, file, {})
    for word in ("settings.yaml", "atributes", "subclasses", "training"):
        assert word in str(caught.value)


@pytest.mark.parametrize("text", ["training: {stepz: 7}", "training: {head: {hiden: 64}}"])
def test_load_config__refuses_an_unknown_nested_setting(tmp_path: Path, text: str):
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(UsageError, match="stepz|hiden"):
        load_config(TrainSettings, tmp_path / "settings.yaml", {})


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\x00"])
def test_load_config__refuses_a_file_that_is_no_list_of_settings(tmp_path: Path, text: str):
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"settings\.yaml: wanted"):
        load_config(DescribeConfig, tmp_path / "settings.yaml", {})


def test_load_config__refuses_a_missing_file(tmp_path: Path):
    with pytest.raises(UsageError, match=r"none\.yaml"):
        load_config(DescribeConfig, tmp_path / "none.yaml", {})


def test_source__is_one_vocabulary_and_ade20k_by_default(tmp_path: Path):
    assert load_config(Source, None, {}).shipped == "ade20k"
    assert load_config(Source, None, {"classes": tmp_path}).shipped is None
    with pytest.raises(UsageError, match="got both"):
        load_config(Source, None, {"dataset": "ade20k", "classes": tmp_path})


def test_load_config__flag_that_names_a_vocabulary_replaces_the_files(tmp_path: Path):
    file = tmp_path / "settings.yaml"
    file.write_text("dataset: camvid\n")
    assert load_config(DescribeConfig, file, {"classes": Path("my.txt")}).shipped is None
    file.write_text("classes: my.txt\n")
    assert load_config(DescribeConfig, file, {"dataset": "camvid"}).shipped == "camvid"
    file.write_text("classes: my.txt\ndataset: camvid\n")
    with pytest.raises(UsageError, match="got both"):
        load_config(DescribeConfig, file, {})


@pytest.mark.parametrize(
    "text",
    [
        "openai_api_key: sk-canary-0123456789",
        "store: {openai_api_key: sk-canary-0123456789}",
        "openai_api_key: sk-canary-0123456789: oops",
        "openai_api_key: 'sk-canary-0123456789",
        "sk-canary-0123456789",
        "attributes: [sk-canary-0123456789]",
    ],
)
def test_load_config__shows_no_secret_that_a_file_holds(tmp_path: Path, text: str):
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load_config(DescribeConfig, tmp_path / "settings.yaml", {})
    assert "sk-canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("text", ["1: 2", "~: x", "2026-01-01: x", "training: {1: 2}", "[a]: x"])
def test_load_config__refuses_a_key_that_is_no_text(tmp_path: Path, text: str):
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"settings\.yaml: wanted"):
        load_config(TrainSettings, tmp_path / "settings.yaml", {})


@pytest.mark.slow
@pytest.mark.parametrize("text", ["[" * 5000, "a: 2026-13-45", "training: &a {head: *a}"])
def test_load_config__refuses_what_breaks_a_yaml_reader(tmp_path: Path, text: str):
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"settings\.yaml: "):
        load_config(TrainSettings, tmp_path / "settings.yaml", {})


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"attributes": 0}, "attributes: wanted greater than or equal to 1, got 0"),
        (
            {"provider": "Bundled"},
            "provider: wanted 'bundled', 'openai', 'openai-batch' or 'vllm', got",
        ),
        ({"atributes": 5}, "atributes: no such setting; did you mean attributes?"),
        ({"subclasses": "many"}, "subclasses: wanted a valid integer, got 'many'"),
        ({"classes": ""}, "classes: wanted the name of a file, or names, got none"),
        ({"price_in": 1.0, "provider": "openai"}, "--price-in and --price-out, got one"),
        ({"temperature": float("nan"), "provider": "openai"}, "temperature: wanted"),
        ({"price_in": float("inf"), "price_out": 1.0, "provider": "openai"}, "--price-in: wanted"),
    ],
)
def test_load_config__says_a_mistake_in_our_words(flags: dict[str, Any], message: str):
    with pytest.raises(UsageError, match=re.escape(message)):
        load_config(DescribeConfig, None, flags)


@pytest.mark.parametrize(
    "flag",
    [
        {"model": "m"}, {"base_url": "http://127.0.0.1/v1"}, {"temperature": 0.0},
        {"max_completion_tokens": 99}, {"samples": 1}, {"concurrency": 16},
        {"price_in": 1.0, "price_out": 1.0}, {"differential": True}, {"max_cost": 1.0},
            {"rpm": 60.0},
    ],
    ids=lambda flag: next(iter(flag)),
)  # fmt: skip
def test_describe_config__refuses_what_the_bundled_pack_would_ignore(flag: dict[str, Any]):
    with pytest.raises(UsageError, match=f"bundled.*--{next(iter(flag)).replace('_', '-')}"):
        load_config(DescribeConfig, None, flag)
    assert load_config(DescribeConfig, None, {"provider": "openai", **flag}).provider == "openai"


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("training.lr=3e-4", 3e-4),
        ("training.head.hidden=128", 128),
        ("training.head.text_adapter=true", True),
        ("training.unseen=[car, tree]", ("car", "tree")),
        ("training.scale=[1, 1.5]", (1.0, 1.5)),
        ("bank=banks/one=two", Path("banks/one=two")),
        ("bank=null", None),
        ("device=yes", "yes"),  # what YAML would take for a truth
    ],
)
def test_set__gives_any_setting_typed_by_its_class(tmp_path: Path, change: str, value: object):
    (tmp_path / "settings.yaml").write_text("bank: b\ntraining: {lr: 1, head: {blocks: 1}}\n")
    config: Any = load_config(TrainSettings, tmp_path / "settings.yaml", {}, [change])
    assert config.training.head.blocks == 1  # what stands beside it in the file stays
    for name in change.partition("=")[0].split("."):
        config = getattr(config, name)
    assert config == value


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["training.lrr=1"], "training.lrr: no such setting; did you mean training.lr?"),
        (["lr=1"], "lr: no such setting; did you mean training.lr?"),
        (["training.heads.blocks=1"], "training.heads: no such setting; did you mean training.hea"),
        (["training.lr=fast"], "training.lr: wanted a valid number, got 'fast'"),
        (["training.lr=-1"], "training.lr: wanted greater than 0, got '-1'"),
        (["training.head.hidden=0"], "training.head.hidden"),
        (["training.unseen=[car"], "--set training.unseen: wanted a list such as"),
        (["training"], "--set: wanted key=value"),
        (["=1"], "--set: wanted key=value"),
        (["seed=1", "seed=2"], "--set seed: wanted it once"),
        (["out=a", "out.b=1"], "--set out.b: wanted it once"),
        (["training.steps=7"], "--set training.steps: wanted one value, got it by a flag"),
    ],
)
def test_set__that_cannot_be_meant_is_refused_in_a_sentence(changes: list[str], words: str):
    with pytest.raises(UsageError, match=re.escape(words)):
        load_config(TrainSettings, None, {"training": {"steps": 5}}, changes)


def test_mistake__is_laid_to_the_file_only_where_the_file_makes_it(tmp_path: Path):
    file = tmp_path / "ships.yaml"
    file.write_text("training: {lr: 1, stepz: 7}\n")
    with pytest.raises(UsageError) as caught:
        load_config(TrainSettings, file, {}, ["stroe=x", "training.lr=fast"])
    assert str(caught.value) == (
        "training.lr: wanted a valid number, got 'fast'; stroe: no such setting; did you mean "
        f"store?; {file}: training.stepz: no such setting; did you mean training.steps?"
    )


@pytest.mark.parametrize(
    ("flags", "changes"),
    [({"training": {"crop": 300}}, []), ({}, ["training.crop=300"])],
)
def test_mistake__of_settings_that_do_not_fit_is_laid_to_no_file_and_no_flag_alone(
    tmp_path: Path, flags: dict[str, Any], changes: list[str]
):
    file = tmp_path / "ships.yaml"
    file.write_text("training: {crop: 100, feature_side: 192}\n")
    words = r"training\.feature_side: wanted 0 or at least the crop \(300\), got 192"
    with pytest.raises(UsageError, match=f"^{words}$"):
        load_config(TrainSettings, file, flags, changes)
    file.write_text("training: {crop: 300, feature_side: 192}\n")
    with pytest.raises(UsageError, match=f"ships.yaml: {words}$"):
        load_config(TrainSettings, file, {})


@pytest.mark.parametrize(
    ("kind", "change", "meant"),
    [
        (DescribeConfig, "provider=opanai-batch", "openai-batch"),
        (TrainSettings, "training.head.kind=liner", "linear"),
        (TrainSettings, "dataset=ade2k", "ade20k"),
        (SqlConfig, "format=parqet", "parquet"),
    ],
)
def test_set__guesses_which_value_was_meant(kind: type, change: str, meant: str):
    argument = {"statement": "select 1"} if kind is SqlConfig else {}
    with pytest.raises(UsageError, match=rf"did you mean {meant}\?$"):
        load_config(kind, None, argument, [change])


def test_set__of_an_unknown_key_does_not_show_its_value():
    with pytest.raises(UsageError) as caught:
        load_config(TrainSettings, None, {}, ["api_key=sk-secret"])
    assert "api_key" in str(caught.value)
    assert "secret" not in str(caught.value)
