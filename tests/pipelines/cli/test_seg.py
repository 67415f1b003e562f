"""`langseg-seg` from a folder of pictures to masks, and every way it says no."""

import errno
import json
import os
import re
import shlex
import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from langseg.cache.bank.load_save import newest_bank, save_bank
from langseg.cache.files import write_atomic
from langseg.pipelines.seg.demo_data import run_demo_data
from tests.support.quiet import no_bar
from tests.support.random_bank import random_bank
from tests.support.rank_processes import rank_processes
from tests.support.small_bank import arrays_of, flip_last_byte_of
from tests.support.tiny_segmenter import write_camvid

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
    run_demo_data(home / "data", 3, 8, 4, (96, 64), no_bar)
    return home


@pytest.fixture(scope="module")
def trained(home: Path) -> Path:
    from langseg.pipelines.seg.settings import train_settings
    from langseg.pipelines.seg.train import run_train

    flags = {"data": home / "data", "store": home / "store", "out": home / "run"}
    settings = train_settings(str(home / "quick.yaml"), flags)
    run_train(settings, no_bar)
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


def test_train__names_flags_that_go_on_with_the_run_that_is_there(call, home, trained):
    command = (
        SEG,
        "train",
        "--config",
        home / "quick.yaml",
        "--data",
        home / "data",
        "--out",
        trained,
    )
    bank = random_bank("ade20k")
    texts = tuple(tuple(f"other {text}" for text in own) for own in bank.texts)
    other = save_bank(replace(bank, texts=texts), home / "other")
    refused = call(
        *command, "--bank", other, "--lr", "0.5", "--batch-size", "3", "--taps", "3,5",
        "--set", "training.loss.tri=0.7", "--set", "training.scale=[1,1]",
    )  # fmt: skip
    assert refused.code == 4
    flags = re.search(r"; give (.*) to go on with it, or another folder with --out", refused.err)
    assert flags is not None
    done = call(*command, *shlex.split(flags[1]), "--json")
    assert done.json["trained_steps"] == 0


def test_train__reports_what_it_took_and_can_be_made_longer(call, home):
    command = (SEG, "train", "--config", home / "quick.yaml", "--data", home / "data")
    where = ("--store", home / "store", "--out", home / "longer")
    report = call(*command, *where, "--steps", "2", "--json").json
    assert report["trainable_parameters"] > 1000
    assert report["images_per_second"] > 0
    assert report["features"] == "kept"
    assert report["peak_memory_mib"] > 100
    longer = call(*command, *where, "--steps", "3", "--log-every", "1")
    assert "made longer at step 2, from 2 steps to 3" in longer.err
    assert re.search(r"^train: training 3/3, loss [0-9.]+, lr .*images/s$", longer.err, re.M)
    assert "1 step trained, resumed at step 2" in longer.err


def test_train__of_a_linear_probe_is_scored_like_any_other(call, home):
    flags = ("--data", home / "data", "--store", home / "store", "--out", home / "probe")
    assert call(SEG, "train", "--config", home / "quick.yaml", *flags, "--head", "linear").code == 0
    done = call(SEG, "eval", "--checkpoint", home / "probe", "--data", home / "data", "--json")
    assert 0 <= done.json["miou"] <= 1


def test_eval__reports_every_metric_and_how_it_was_measured(call, home, trained):
    done = call(SEG, "eval", "--checkpoint", trained, "--data", home / "data", "--json")
    for name in (
        "miou", "pixel_accuracy", "mean_accuracy", "fwiou", "median_iou", "worst_decile_iou",
        "ade20k_score",
    ):  # fmt: skip
        assert 0 <= done.json[name] <= 1
    assert len(done.json["per_class_iou"]) == 150
    protocol = done.json["protocol"]
    assert [done.json[name] for name in ("dataset", "split", "images")] == ["ade20k", "val", 4]
    assert len(done.json["data_hash"]) == 64
    assert (protocol["mode"], protocol["short_side"], protocol["scales"]) == ("whole", 64, [1.0])
    assert done.json["versions"]["torch"] == version("torch")
    assert 0 <= done.json["calibration"]["ece"] <= 1
    assert 0 <= done.json["boundary"]["miou"] <= 1
    assert 0 <= done.json["picturewise"]["miou_i"] <= 1
    assert len(done.json["worst_pictures"]) == 4
    assert json.loads((trained / "eval.json").read_text()) == done.json


def test_eval__under_corruptions_reports_them_beside_the_clean_and_draws_a_page(
    call, home, trained, tmp_path
):
    page = tmp_path / "new" / "scores.html"
    flags = ("--corruptions", "fog,occlusion,fog", "--severities", "4,2", "--seed", "7")
    run = ("--checkpoint", trained, "--data", home / "data", "--out", tmp_path)
    done = call(SEG, "eval", *run, *flags, "--html", page, "--json")
    worse = done.json["robustness"]
    assert [(one["corruption"], one["severity"]) for one in worse["scores"]] == [
        ("fog", 2), ("fog", 4), ("occlusion", 2), ("occlusion", 4)
    ]  # fmt: skip
    assert (worse["seed"], worse["scores"][3]["parameters"]) == (7, {"hidden": 0.6})
    assert worse["scores"][0]["pixels"] == done.json["pixels"] > worse["scores"][3]["pixels"]
    assert worse["scores"][0]["clean_miou"] == worse["clean_miou"]
    assert "each of 4 pictures is predicted 4 more times" in done.err
    assert {one["by"] for one in done.json["strata"]} == {
        "classes in the picture", "frequency of the class", "size of the region",
        "overlapping objects",
    }  # fmt: skip
    html = page.read_text()
    for picture in (home / "data/images/validation").iterdir():
        assert f"<b>{picture.stem}</b>" in html
    assert html.count("data:image/jpeg") == 12
    latex = call(SEG, "eval", *run, "--corruptions", "jpeg", "--quick", "--latex").out
    assert latex.count("\\begin{tabular}") == 2
    assert "jpeg & " in latex


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--corruptions", "fogg"), "did you mean fog?"),
        (("--robustness", "--severities", "0"), "severities"),
        (("--predictions", "."), "--checkpoint: wanted a model that looks at pictures"),
        (("--html", "."), "wanted a file for --html, got a folder"),
    ],
)
def test_eval__refuses_what_no_page_or_corruption_can_be(call, home, trained, flags, told):
    done = call(SEG, "eval", "--checkpoint", trained, "--data", home / "data", *flags)
    assert done.code in (2, 3)
    assert told in done.err


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
    assert picture["scores"].keys() == picture["classes"].keys()
    assert picture["mask"] == str(tmp_path / f"{image.stem}.png")
    assert picture["overlay"] == str(tmp_path / f"overlay_{image.stem}.png")


def test_predict__says_of_each_picture_where_its_overlay_is_and_what_was_seen(
    call, home, trained, tmp_path
):
    images = sorted((home / "data/images/validation").iterdir())[:2]
    done = call(SEG, "predict", "--checkpoint", trained, "--out", tmp_path, *images)
    lines = [line for line in done.err.splitlines() if not line.startswith("predict: ")]
    first, second, last = lines  # but the progress of a slow machine
    for line, image in ((first, images[0]), (second, images[1])):
        where, seen = line.split(": ", 1)
        assert where == str(tmp_path / f"overlay_{image.stem}.png")
        assert re.match(r"\w[\w ]* \d+\.\d %", seen)
    assert last == f"{tmp_path}: 2 of 2 pictures segmented"


def test_commands__name_what_they_do_and_count_it(home, trained, tmp_path):
    from langseg.pipelines.seg.evaluate import run_eval
    from langseg.pipelines.seg.predict import run_predict
    from langseg.pipelines.seg.settings import EvalSettings, PredictSettings, train_settings
    from langseg.pipelines.seg.train import run_train

    def told(work) -> list[str]:
        lines: list[str] = []

        def advance(
            done: int, total: int, note: str = "", phase: str = "", mark: bool = False
        ) -> None:
            lines.append(f"{phase} {done}/{total}")

        work(advance)
        return lines

    data, images = home / "data", sorted((home / "data/images/validation").iterdir())
    flags = {
        "data": data, "store": home / "store", "out": tmp_path / "run", "features": tmp_path / "f",
    }  # fmt: skip
    settings = train_settings(str(home / "quick.yaml"), flags)
    training = told(lambda advance: run_train(settings, advance))
    assert list(dict.fromkeys(training)) == [  # each view says again where a stop is heeded
        "loading demo 0/0",
        *(f"checking labels {done}/8" for done in range(1, 9)),
        *(f"looking for kept features {done}/8" for done in range(1, 9)),
        *(f"reading features {done}/8" for done in range(9)),
        *(f"training {done}/4" for done in range(1, 5)),
    ]
    scored = EvalSettings(checkpoint=trained, data=data)
    assert told(lambda advance: run_eval(scored, advance)) == [
        "loading the model 0/0",
        *(f"checking labels {done}/4" for done in range(1, 5)),
        *(f"scoring {done}/4" for done in range(1, 5)),
    ]
    predicting = PredictSettings(checkpoint=trained, out=tmp_path / "out", images=images)
    assert told(lambda advance: run_predict(predicting, advance)) == [
        "loading the model 0/0",
        *(f"segmenting {done}/4" for begun in range(4) for done in (begun, begun + 1)),
    ]
    rendering = told(lambda advance: run_demo_data(tmp_path / "new", 0, 2, 1, (96, 64), advance))
    assert rendering == [f"rendering {done}/3" for done in range(1, 4)]


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


def test_eval__of_a_run_that_cannot_be_written_shows_its_scores_and_says_so(
    call, home, trained, tmp_path
):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "eval.json").unlink(missing_ok=True)
    (run / "eval.json").mkdir()
    flags = ("--checkpoint", run, "--data", home / "data", "--quick", "--json")
    done = call(SEG, "eval", *flags)
    assert (done.code, done.json["boundary"]) == (0, None)
    assert f"{run}: the scores are not kept" in done.err
    kept = call(SEG, "eval", *flags, "--out", tmp_path / "scores")
    assert json.loads((tmp_path / "scores/eval.json").read_text()) == kept.json == done.json
    refused = call(SEG, "eval", *flags, "--out", home / "quick.yaml")
    assert (refused.code, refused.out) == (3, "")
    assert "wanted a folder at" in refused.err


def test_eval__by_a_mapping_scores_the_classes_that_it_names_and_says_which_it_leaves_out(
    call, home, trained, tmp_path
):
    write_camvid(tmp_path, split="val")
    flags = ("--checkpoint", trained, "--dataset", "camvid", "--data", tmp_path)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("sky: sky\nroad: [road, path, wall]\nbuilding: [building]\n")
    done = call(SEG, "eval", *flags, "--mapping", mapping, "--json")
    assert done.code == 0
    assert list(done.json["per_class_iou"]) == ["sky", "building", "road"]
    assert done.json["protocol"]["mapping"]["left_out"][0] == "pole"
    assert f"not scored, as {mapping} does not name them: pole, pavement" in done.err
    assert not list(trained.rglob("*camvid*"))
    wrong = call(SEG, "eval", *flags, "--mapping", "ade20k-to-moon")
    assert (wrong.code, "found neither" in wrong.err) == (2, True)
    masks = call(SEG, "eval", "--predictions", tmp_path, *flags[2:], "--mapping", mapping)
    assert (masks.code, "wanted a model" in masks.err) == (2, True)


def test_eval__reads_a_picture_as_it_is_told_and_says_how(call, home, trained):
    flags = ("--checkpoint", trained, "--data", home / "data", "--quick", "--json")
    reading = ("--mode", "slide", "--window", "44", "--stride", "24", "--flip")
    scales = ("--scales", "0.75,1.25", "--average", "probabilities", "--out", home / "scores")
    protocol = call(SEG, "eval", *flags, *reading, *scales).json["protocol"]
    assert (protocol["window"], protocol["stride"], protocol["flip"]) == (40, 24, True)
    assert protocol["scales"] == [0.75, 1.25]
    assert protocol["averaged"].startswith("stride-4 softmax of the logits, over windows, scales")
    refused = call(SEG, "eval", *flags, "--window", "40")
    assert (refused.code, "wanted them with mode slide" in refused.err) == (2, True)


def test_eval__in_two_processes_gives_the_scores_of_one_and_speaks_once(call, home, trained):
    flags = ("--checkpoint", trained, "--data", home / "data", "--json")
    alone = call(SEG, "eval", *flags).json
    done = rank_processes(
        2, "-m", "langseg.pipelines.cli.seg", "eval", *flags, "--out", home / "two"
    )
    assert [one.returncode for one in done] == [0, 0]
    assert done[1].stdout == done[1].stderr == ""
    together = json.loads(done[0].stdout)
    assert together["protocol"].pop("processes") == 2
    assert alone["protocol"].pop("processes") == 1
    assert together == alone


def test_eval__where_the_memory_is_too_small_says_what_takes_less(call, home, trained, monkeypatch):
    from langseg.segmenter.inference.segmenter import Segmenter

    monkeypatch.setattr(Segmenter, "look", lambda *given: torch.empty(2**60, dtype=torch.float32))
    done = call(SEG, "eval", "--checkpoint", trained, "--data", home / "data", "--quick")
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith(
        "error: eval: wanted more memory than there is; give --mode slide with a smaller "
        "--short-side\n"
    )


def test_eval__of_masks_where_the_memory_is_too_small_says_what_goes_with_masks(
    call, home, tmp_path, monkeypatch
):
    from langseg.pipelines.seg import evaluate

    monkeypatch.setattr(evaluate, "stored_masks", lambda *given: {})
    monkeypatch.setattr(evaluate, "evaluate_predictions", lambda *a, **b: torch.empty(2**60))
    done = call(SEG, "eval", "--predictions", tmp_path, "--data", home / "data")
    assert done.err.endswith("wanted more memory than there is; give --quick, which counts less\n")


def test_eval__of_a_picture_that_cannot_be_read_scores_none(call, home, trained, tmp_path):
    shutil.copytree(home / "data", tmp_path / "data")
    *_, last = sorted((tmp_path / "data/annotations/validation").iterdir())
    last.write_bytes(last.read_bytes()[:40])
    done = call(SEG, "eval", "--checkpoint", trained, "--data", tmp_path / "data")
    assert (done.code, done.out) == (3, "")
    assert str(last) in done.err


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


def test_predict__never_writes_over_a_picture(call, trained, tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("photo.png", "x.jpg", "photo.jpg"):
        Image.new("RGB", (96, 64)).save(tmp_path / name)
    before = (tmp_path / "photo.png").read_bytes()
    flags = ("--checkpoint", trained, "--out", tmp_path / "sub" / "..")
    done = call(SEG, "predict", *flags, tmp_path / "photo.jpg", tmp_path / "x.jpg")
    assert (done.code, "photo.png: is there already" in done.err) == (2, True)
    assert (tmp_path / "photo.png").read_bytes() == before
    assert not (tmp_path / "x.png").exists()


def test_predict__refuses_a_mask_and_an_overlay_of_one_name_before_loading(call, tmp_path):
    flags = ("--checkpoint", "nowhere", "--out", tmp_path)
    done = call(SEG, "predict", *flags, "a.jpg", "overlay_a.jpg")
    assert done.code == 2
    assert "overlay_a.jpg.png: two pictures" in done.err


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


def test_predict__of_a_folder_names_every_file_that_is_broken_and_does_the_rest(
    call, home, trained, tmp_path
):
    whole = next((home / "data/images/validation").iterdir())
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(whole, folder / "a.jpg")
    shutil.copy(whole, folder / "z.jpg")
    broken = {
        "empty.jpg": b"", "half.jpg": whole.read_bytes()[:900], "text.png": b"hello",
        "header.webp": b"RIFF\x20\0\0\0WEBPVP8 ", "strip.tif": b"II*\0\x08\0\0\0\x01\0",
        "short.bmp": b"BM" + bytes(60),
    }  # fmt: skip
    for name, data in broken.items():
        (folder / name).write_bytes(data)
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "loop.png").symlink_to("loop.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.jpg").mkdir()
    done = call(SEG, "predict", "--checkpoint", trained, "--out", tmp_path / "out", folder)
    assert done.code == 3
    wrong = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert sorted(line.split(": ")[1] for line in wrong) == sorted(
        str(folder / name) for name in (*broken, "gone.jpg", "loop.png", "pipe.png")
    )
    assert done.err.endswith(f"{tmp_path / 'out'}: 2 of 11 pictures segmented\n")
    assert "Warning" not in done.err
    assert sorted(path.name for path in (tmp_path / "out").glob("?.png")) == ["a.png", "z.png"]


def test_predict__goes_on_where_the_memory_is_too_small(call, home, trained, tmp_path, monkeypatch):
    """A real allocation that fails: no machine has 2**62 bytes."""
    from langseg.segmenter.inference.segmenter import Segmenter

    segment = Segmenter.segment

    def greedy(self, picture, scene=None):
        if picture[0, 0, 0] == 1:
            torch.empty(2**60, dtype=torch.float32)
        if picture[0, 0, 0] == 2:
            np.empty(2**60, np.float32)
        return segment(self, picture, scene)

    monkeypatch.setattr(Segmenter, "segment", greedy)
    (tmp_path / "in").mkdir()
    for red, name in enumerate(("small.png", "big.png", "huge.png")):
        Image.new("RGB", (96, 64), (red, 0, 0)).save(tmp_path / "in" / name)
    (tmp_path / "in/empty.jpg").touch()
    flags = ("--checkpoint", trained, "--out", tmp_path / "out")
    done = call(SEG, "predict", *flags, tmp_path / "in")
    assert done.code == 3
    assert done.err.count("wanted more memory than there is; give --mode slide") == 2
    assert "1 of 4 pictures segmented" in done.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "overlay_small.png", "small.png",
    ]  # fmt: skip


def test_predict__reads_every_page_of_a_grey_tiff_in_its_window(call, trained, tmp_path):
    pages = [Image.fromarray(np.full((32, 48), value, np.uint16)) for value in (100, 900)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    flags = ("--checkpoint", trained, "--out", tmp_path / "out", tmp_path / "scan.tif")
    refused = call(SEG, "predict", *flags)
    assert (refused.code, "say which with --page, or --page all" in refused.err) == (3, True)
    done = call(SEG, "predict", *flags, "--page", "all", "--grey-window", "0,1000")
    assert done.code == 0
    assert "1 of 1 picture " in done.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "overlay_scan_p0.png", "overlay_scan_p1.png", "scan_p0.png", "scan_p1.png",
    ]  # fmt: skip
    assert call(SEG, "predict", *flags, "--page", "1").code == 0


def test_what_is_one__is_called_one(call, home, tmp_path):
    for split in ("train", "val"):
        write_camvid(tmp_path / "data", count=1, split=split)
    data = ("--dataset", "camvid", "--data", tmp_path / "data")
    once = ("--config", home / "quick.yaml", "--batch-size", "1", "--steps", "1")
    run = (*once, "--store", home / "store", "--out", tmp_path / "run")
    of_run = ("--checkpoint", tmp_path / "run")
    worse = ("--corruptions", "fog", "--severities", "1")
    said = ""
    for words in (
        ("demo-data", "--out", tmp_path / "demo", "--train", "1", "--val", "1", "--width", "64"),
        ("doctor", *data),
        ("train", *data, *run),
        ("train", *data, *run, "--steps", "2"),
        ("eval", *data, *of_run, *worse),
        ("predict", *of_run, "--out", tmp_path / "masks", tmp_path / "data/val/0.png"),
    ):
        done = call(SEG, *words)
        assert done.code == 0, done.err
        said += done.out + done.err
    assert {"1 picture", "1 training", "1 step", "1 corruption", "1 more time"} <= set(
        re.findall(r"\b1 (?:more )?[a-z]+", said)
    )
    assert (
        re.findall(r"\b1 (?:[a-z]+ )?(?:image|picture|file|step|corruption|time|classe)s\b", said)
        == []
    )


def test_doctor__says_where_no_pictures_are_once(call, home, tmp_path):
    write_camvid(tmp_path)
    (tmp_path / "classes.txt").write_text("sky\nroad\ntree\nwall\n")
    own = ("--classes", tmp_path / "classes.txt", "--images", tmp_path / "train")
    done = call(SEG, "doctor", *own, "--labels", tmp_path / "trainannot")
    assert "val: not found: wanted pictures for validation" in done.err


def test_predict__on_a_full_disk_ends_in_one_sentence_with_what_is_done(
    call, home, trained, tmp_path, monkeypatch
):
    def fill(path, data):
        if path.name == "overlay_b.png":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_atomic(path, data)

    monkeypatch.setattr("langseg.pipelines.seg.predict.write_atomic", fill)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        Image.new("RGB", (96, 64)).save(tmp_path / name)
    flags = ("--checkpoint", trained, "--out", tmp_path / "out")
    done = call(SEG, "predict", *flags, *(tmp_path / f"{name}.jpg" for name in "abc"))
    assert done.code == 3
    assert done.err.splitlines()[-1] == (
        f"error: {tmp_path / 'out/overlay_b.png'}: cannot be written (No space left on device); "
        "done and kept: 1 of 3 pictures"
    )


def test_predict__with_another_vocabulary_says_so_and_uses_its_ids(call, home, trained, tmp_path):
    bank = save_bank(random_bank("camvid"), tmp_path / "banks")
    image = next((home / "data/images/validation").iterdir())
    flags = ("--checkpoint", trained, "--out", tmp_path, "--bank", bank)
    done = call(SEG, "predict", *flags, image)
    assert "asked with camvid's 11 classes, trained on ade20k's 150" in done.err
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
        (("eval", "--checkpoint", "nowhere", "--data", "{data}"), 3, "nowhere"),
        (("eval", "--checkpoint", "nowhere", "--data", "gone"), 3, "wanted a checkpoint"),
        (("eval", "--checkpoint", "{run}", "--data", "{store}"), 3, "images"),
        (("eval", "--checkpoint", "{run}", "--dataset", "cityscape"), 2, "cityscape"),
        (("predict", "--checkpoint", "{run}", "--scene", "moon", "{image}"), 2, "moon"),
        (("predict", "--checkpoint", "{run}", "{store}"), 3, "found none"),
        (("predict", "--checkpoint", "{run}", "--device", "meta", "{image}"), 2, "meta"),
        (("predict", "--checkpoint", "{run}", "--device", "xla", "{image}"), 2, "xla"),
        (("predict", "--checkpoint", "{run}", "--weights", "w.safetensors", "{image}"), 2, "demo"),
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


@pytest.mark.parametrize("device", ["vulkan", "xla", "cuda:99"])
def test_device__that_does_not_work_is_told_in_one_sentence(call, trained, device):
    done = call(SEG, "predict", "--checkpoint", trained, "--device", device, "a.jpg")
    assert done.code == 2
    assert re.fullmatch(
        rf"error: device '{device}': wanted one that works here, got [^.]+(\.\w[^.]*)*; "
        "give auto or cpu\n",
        done.err,
    )


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
