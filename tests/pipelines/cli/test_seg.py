"""`langseg-seg` from a folder of pictures to masks, and every way it says no."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from langseg.cache.bank.load_save import newest_bank, save_bank
from langseg.pipelines.seg.demo_data import run_demo_data
from tests.support.random_bank import random_bank
from tests.support.small_bank import arrays_of, flip_last_byte_of

pytestmark = pytest.mark.slow

SEG = "langseg-seg"
HERE = ("--data", "{data}", "--store", "{store}")
QUICK = """
backbone: demo
training:
  {steps: 4, batch_size: 2, crop: 64, feature_side: 64, warmup_steps: 1, head: {hidden: 64}}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with random banks and a tiny rendered dataset."""
    home = tmp_path_factory.mktemp("home")
    for dataset in ("ade20k", "camvid"):
        save_bank(random_bank(dataset), home / "store" / "banks")
    (home / "quick.yaml").write_text(QUICK)
    run_demo_data(home / "data", 3, 8, 4, (96, 64), lambda done, total, note="": None)
    return home


@pytest.fixture(scope="module")
def trained(home: Path) -> Path:
    from langseg.pipelines.seg.train import run_train, train_settings

    flags = {"data": home / "data", "store": home / "store", "out": home / "run"}
    settings = train_settings(str(home / "quick.yaml"), flags)
    run_train(settings, lambda done, total, note="": None)
    return home / "run"


def test_train__run_again_has_nothing_to_do(call, home, trained):
    flags = ("--data", home / "data", "--store", home / "store", "--out", trained)
    report = call(SEG, "train", "--config", home / "quick.yaml", *flags, "--json").json
    assert (report["steps"], report["trained_steps"]) == (4, 0)
    done = call(SEG, "train", "--config", home / "quick.yaml", *flags)
    assert "nothing to do" in done.err


def test_train__under_other_settings_is_refused_in_the_same_folder(call, home, trained):
    flags = ("--data", home / "data", "--store", home / "store", "--out", trained)
    done = call(SEG, "train", "--config", home / "quick.yaml", *flags, "--lr", "0.5")
    assert done.code == 4
    assert "lr" in done.err


def test_train__of_a_linear_probe_is_scored_like_any_other(call, home):
    flags = ("--data", home / "data", "--store", home / "store", "--out", home / "probe")
    assert call(SEG, "train", "--config", home / "quick.yaml", *flags, "--head", "linear").code == 0
    done = call(SEG, "eval", "--checkpoint", home / "probe", "--data", home / "data", "--json")
    assert 0 <= done.json["miou"] <= 1


def test_eval__reports_every_metric_and_how_it_was_measured(call, home, trained):
    done = call(SEG, "eval", "--checkpoint", trained, "--data", home / "data", "--json")
    for name in ("miou", "pixel_accuracy", "mean_accuracy", "fwiou", "median_iou"):
        assert 0 <= done.json[name] <= 1
    assert len(done.json["per_class_iou"]) == 150
    assert done.json["images"] == 4
    assert done.json["protocol"]["mode"] == "whole"
    assert json.loads((trained / "eval.json").read_text()) == done.json


def test_predict__writes_a_mask_of_class_ids_and_an_overlay_with_a_legend(
    call, home, trained, tmp_path
):
    image = next((home / "data/images/validation").iterdir())
    done = call(SEG, "predict", "--checkpoint", trained, "--out", tmp_path, image, "--json")
    with Image.open(tmp_path / f"{image.stem}.png") as mask:
        assert (mask.size, mask.mode) == ((96, 64), "P")
        assert set(np.unique(np.asarray(mask))) <= set(range(1, 151))
    with Image.open(tmp_path / f"overlay_{image.stem}.png") as overlay:
        assert overlay.width >= 640
    (picture,) = done.json["predicted"]
    assert sum(picture["classes"].values()) == pytest.approx(1, abs=0.01)


def test_eval__of_a_checkpoint_folder_writes_into_the_run_and_of_another_protocol_nowhere(
    call, home, trained
):
    (checkpoint,) = trained.glob("ckpt-*")
    (trained / "eval.json").unlink(missing_ok=True)
    bank = newest_bank(home / "store" / "banks", "ade20k")
    flags = ("--checkpoint", checkpoint, "--data", home / "data", "--json")
    for other in (("--bank", bank), ("--split", "train")):
        assert call(SEG, "eval", *flags, *other).code == 0
        assert not list(trained.rglob("eval.json"))
    report = call(SEG, "eval", *flags).json
    assert json.loads((trained / "eval.json").read_text()) == report
    assert list(trained.rglob("eval.json")) == [trained / "eval.json"]


@pytest.mark.parametrize("array", ["emb", "texts.utf8"])
def test_a_damaged_bank__ends_every_command_with_4_before_anything_is_written(
    call, home, trained, tmp_path, array
):
    bank, run = save_bank(random_bank("ade20k"), tmp_path), tmp_path / "run"
    shutil.copytree(trained, run)
    (own,) = (run / "banks").iterdir()
    flip_last_byte_of(bank, array)
    flip_last_byte_of(own, array)
    picture = next((home / "data/images/validation").iterdir())
    data, out = ("--data", home / "data"), ("--out", tmp_path / "out")
    for command, damaged in (
        (("train", "--config", home / "quick.yaml", *data, *out, "--bank", bank), bank),
        (("eval", "--checkpoint", trained, *data, "--bank", bank), bank),
        (("predict", "--checkpoint", trained, *out, "--bank", bank, picture), bank),
        (("eval", "--checkpoint", run, *data), own),
        (("predict", "--checkpoint", run, *out, picture), own),
    ):
        done = call(SEG, *command)
        assert (done.code, f"{arrays_of(damaged)}: wanted sha256" in done.err) == (4, True)
    assert not (tmp_path / "out").exists()


def test_train__names_an_eval_command_that_works(call, home, trained):
    flags = ("--data", home / "data", "--store", home / "store", "--out", trained)
    messages = call(SEG, "train", "--config", home / "quick.yaml", *flags).err
    command = shlex.split(messages.split("next: ")[1])
    assert call(*command).code == 0


def test_predict__never_writes_over_a_picture_given(call, trained, tmp_path):
    for name, other in (("photo.png", "x.jpg"), ("overlay_x.png", "x.jpg")):
        Image.new("RGB", (96, 64)).save(tmp_path / name)
        Image.new("RGB", (96, 64)).save(tmp_path / other)
        before = (tmp_path / name).read_bytes()
        flags = ("--checkpoint", trained, "--out", tmp_path / "sub" / "..")
        (tmp_path / "sub").mkdir(exist_ok=True)
        done = call(SEG, "predict", *flags, tmp_path / other, tmp_path / name)
        assert done.code == 2
        assert "--out" in done.err
        assert (tmp_path / name).read_bytes() == before
        assert not (tmp_path / "x.png").exists()


def test_predict__refuses_a_mask_and_an_overlay_of_one_name_before_loading(call, tmp_path):
    flags = ("--checkpoint", "nowhere", "--out", tmp_path)
    done = call(SEG, "predict", *flags, "a.jpg", "overlay_a.jpg")
    assert done.code == 2
    assert "overlay_a.png: two pictures" in done.err


def test_predict__into_a_file_ends_in_one_sentence(call, trained, tmp_path):
    (tmp_path / "out").touch()
    done = call(SEG, "predict", "--checkpoint", trained, "--out", tmp_path / "out", "a.jpg")
    assert (done.code, done.err) == (3, f"error: {tmp_path / 'out'}: File exists\n")


def test_predict__goes_on_after_a_bad_picture_and_ends_with_3(call, home, trained, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    good = next((home / "data/images/validation").iterdir())
    flags = ("--checkpoint", trained, "--out", tmp_path / "out")
    done = call(SEG, "predict", *flags, tmp_path / "bad.jpg", good)
    assert done.code == 3
    assert "bad.jpg" in done.err
    assert (tmp_path / "out" / f"{good.stem}.png").exists()
    assert "Traceback" not in done.err


def test_predict__with_another_vocabulary_says_so_and_uses_its_ids(call, home, trained, tmp_path):
    bank = save_bank(random_bank("camvid"), tmp_path / "banks")
    image = next((home / "data/images/validation").iterdir())
    flags = ("--checkpoint", trained, "--out", tmp_path, "--bank", bank)
    done = call(SEG, "predict", *flags, image)
    assert "bank swapped" in done.err
    with Image.open(tmp_path / f"{image.stem}.png") as mask:
        assert set(np.unique(np.asarray(mask))) <= set(range(11))


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("train", "--data", "nowhere", "--store", "{store}"), 3, "nowhere"),
        (("train", "--data", "{data}", "--store", "nowhere"), 3, "langseg-desc"),
        (("train", "--config", "demmo"), 2, "demmo"),
        (("train", "--config", "{quick}", *HERE, "--steps", "0"), 2, "steps"),
        (("train", "--config", "{quick}", *HERE, "--device", "tpu9"), 2, "tpu9"),
        (("eval", "--checkpoint", "{run}", "--data", "{data}", "--device", "cuda:99"), 2, ":99"),
        (("eval", "--checkpoint", "nowhere", "--data", "{data}"), 4, "nowhere"),
        (("eval", "--checkpoint", "{run}", "--data", "{store}"), 3, "images"),
        (("eval", "--checkpoint", "{run}", "--dataset", "cityscape"), 2, "cityscape"),
        (("predict", "--checkpoint", "{run}", "--scene", "moon", "{image}"), 2, "moon"),
        (("predict", "--checkpoint", "{run}", "{image}", "{image}"), 2, "two pictures"),
        (("demo-data", "--out", "{store}"), 3, "empty"),
        (("demo-data", "--train", "-3"), 2, "--train"),
        (("segment",), 2, "No such command"),
    ],
)  # fmt: skip
def test_mistake__ends_in_one_sentence_and_its_exit_code(
    call, home, trained, tmp_path, monkeypatch, arguments, code, word
):
    monkeypatch.chdir(tmp_path)
    places = {
        "quick": home / "quick.yaml", "data": home / "data", "store": home / "store",
        "run": trained,
        "image": next((home / "data/images/validation").iterdir()),
    }  # fmt: skip
    done = call(SEG, *(argument.format(**places) for argument in arguments))
    assert done.code == code
    assert word in done.err
    assert "Traceback" not in done.err


def test_eval_and_predict__take_settings_from_a_file_under_flags(call, home, trained, tmp_path):
    (tmp_path / "eval.yaml").write_text(f"checkpoint: {trained}\nmode: slide\nshort_side: 32\n")
    flags = ("--config", tmp_path / "eval.yaml", "--data", home / "data", "--short-side", "64")
    protocol = call(SEG, "eval", *flags, "--json").json["protocol"]
    assert (protocol["mode"], protocol["short_side"]) == ("slide", 64)
    (tmp_path / "predict.yaml").write_text(f"checkpoint: {trained}\nout: {tmp_path / 'masks'}\n")
    image = next((home / "data/images/validation").iterdir())
    assert call(SEG, "predict", "--config", tmp_path / "predict.yaml", image).code == 0
    assert (tmp_path / "masks" / f"{image.stem}.png").exists()


def test_eval__of_the_ade20k_sample_gives_the_benchmarks_own_numbers(call, shared_data):
    sample = shared_data / "ade20k_sample"
    reference = json.loads((sample / "predictions_perturbed/reference.json").read_text())
    folder = sample / "predictions_perturbed"
    report = call(SEG, "eval", "--predictions", folder, "--data", sample, "--json").json
    assert report["miou"] == pytest.approx(reference["miou_over_classes_with_union"], abs=1e-12)
    assert report["pixel_accuracy"] == pytest.approx(reference["pixel_accuracy"], abs=1e-12)
    assert 150 - report["dropped"] == reference["classes_with_union"]
    perfect = call(SEG, "eval", "--predictions", sample / "predictions", "--data", sample, "--json")
    assert (perfect.json["miou"], perfect.json["pixel_accuracy"]) == (1.0, 1.0)


def test_camvid__trains_and_is_scored_on_real_photos(call, home, shared_data):
    flags = ("--dataset", "camvid", "--data", shared_data / "camvid")
    (home / "crops.yaml").write_text(QUICK.replace("feature_side: 64", "feature_side: 0"))
    quick = ("--config", home / "crops.yaml", "--store", home / "store")
    assert call(SEG, "train", *flags, *quick, "--out", home / "camvid").code == 0
    report = call(SEG, "eval", *flags, "--checkpoint", home / "camvid", "--json").json
    assert report["images"] == 101
    assert len(report["per_class_iou"]) == 11
