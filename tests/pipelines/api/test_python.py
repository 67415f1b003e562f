"""`import langseg`: what it gives, how fast, and that the lines of the documentation run."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import langseg
from langseg.pipelines.seg.score_report import ModelReport
from langseg.pipelines.seg.settings import train_settings
from langseg.pipelines.seg.train import run_train
from tests.support.quiet import no_bar
from tests.support.tiny_segmenter import write_camvid

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", ROOT / "docs/python.md")
NAMES = [
    "LangSegError", "Model", "Segmentation", "__version__", "describe", "evaluate", "load", "train",
]  # fmt: skip
QUICK = "training: {steps: 1, batch_size: 2, crop: 24, warmup_steps: 1, head: {hidden: 64}}\n"


def documented() -> str:
    """The lines that begin with ``import langseg``; every page that has them has the same."""
    blocks = {
        block
        for page in PAGES
        if page.is_file()
        for block in re.findall(r"```python\n(import langseg\n.*?)```", page.read_text(), re.DOTALL)
    }
    assert len(blocks) == 1
    return blocks.pop()


def test_langseg__has_these_names_and_no_other():
    assert sorted(langseg.__all__) == dir(langseg) == NAMES
    assert langseg.__version__ == version("langseg")
    assert all(getattr(langseg, name).__module__.startswith("langseg.") for name in NAMES[:3])
    with pytest.raises(AttributeError, match="no attribute 'segment'"):
        _ = langseg.segment


@pytest.mark.slow
def test_langseg__is_imported_in_a_tenth_of_a_second_and_loads_nothing_heavy():
    code = (
        "import sys, time; before = set(sys.modules); start = time.process_time(); import langseg;"
        "print(time.process_time() - start, *sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *modules = done.stdout.split()
    assert float(seconds) < 0.1
    assert [name for name in modules if name.startswith("langseg")] == ["langseg"]
    assert not {"numpy", "pydantic", "torch", "yaml"} & set(modules)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``runs/demo``, trained on the bank that ``describe`` builds in ``store``."""
    home = tmp_path_factory.mktemp("python")
    (home / "data").mkdir()
    write_camvid(home / "data")
    bank = langseg.describe("camvid", store=home / "store").bank
    (home / "quick.yaml").write_text(QUICK)
    flags = {"dataset": "camvid", "data": home / "data", "bank": bank, "out": home / "runs/demo"}
    run_train(train_settings(str(home / "quick.yaml"), flags), no_bar)
    shutil.copy(next((home / "data/train").iterdir()), home / "photo.jpg")
    return home


@pytest.mark.slow
def test_documented_lines__run_and_print_nothing(home: Path):
    lines = documented().replace('"ade20k"', '"camvid"')  # of 11 classes
    lines = lines.replace('data="data"', 'dataset="camvid", data="data", config="quick.yaml"', 1)
    lines = lines.replace('data="data").miou', 'dataset="camvid", data="data", split="train").miou')
    done = subprocess.run(
        [sys.executable, "-c", lines], cwd=home, env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with Image.open(home / "out.png") as overlay:
        assert overlay.mode == "RGB"


@pytest.mark.slow
def test_model__takes_pictures_in_every_form_and_other_words(home: Path):
    model = langseg.load(home / "runs/demo", device="cpu")
    assert model.classes[:2] == ("sky", "building")
    assert model.scenes == ("*",)
    pixels = np.asarray(Image.open(home / "photo.jpg").convert("RGB"))
    pictures = (home / "photo.jpg", str(home / "photo.jpg"), Image.fromarray(pixels), pixels)
    masks = [model.segment(picture).mask for picture in pictures]
    assert all(np.array_equal(mask, masks[0]) for mask in masks)
    assert masks[0].shape == pixels.shape[:2]
    swapped = model.with_classes(["tree", "sky"], store=home / "store")
    assert swapped.classes == ("tree", "sky")
    assert set(swapped.segment(pixels).classes) <= {"tree", "sky"}
    assert swapped.notes[0] == "asked with 2 classes (tree, sky), trained on camvid's 11"
    again = swapped.with_classes("cyclist,unicorn", store=home / "store")
    assert again.notes[1] == "as camvid means it: cyclist (bicyclist)"  # the head's own words
    assert "no phrases of unicorn" in again.notes[2]
    assert len(model.classes) == 11  # it is another model


@pytest.mark.slow
def test_model__is_told_a_scene_in_free_text(home: Path):
    text = "a quiet street with parked cars after rain"
    made = langseg.describe("camvid", store=home / "store", scene_texts=[text])
    model = langseg.load(home / "runs/demo", device="cpu", bank=made.bank)
    assert model.scenes == ("*", text)
    assert model.segment(home / "photo.jpg", scene=text).scenes == {"*": 0, text: 1}
    with pytest.raises(langseg.LangSegError, match="--scene-text attic`"):
        model.segment(home / "photo.jpg", scene="attic")


@pytest.mark.slow
def test_train_and_evaluate__take_settings_by_name_and_resume(home: Path):
    where: dict[str, Any] = {"dataset": "camvid", "data": home / "data", "device": "cpu"}
    own: dict[str, Any] = {"store": home / "store", "config": home / "quick.yaml", "seed": 3}
    report = langseg.train(home / "runs/probe", head="linear", **where, **own)
    assert (report.steps, report.trained_steps) == (1, 1)
    assert langseg.train(home / "runs/probe", head="linear", **where, **own).trained_steps == 0
    scores = langseg.evaluate(str(home / "runs/probe"), split="train", **where)
    assert isinstance(scores, ModelReport)
    assert (scores.checkpoint, scores.step) == (home / "runs/probe", 1)
    assert 0 <= scores.miou <= 1


@pytest.mark.slow
def test_describe__takes_one_name_and_names_with_commas(home: Path):
    one = langseg.describe(["tree"], store=home / "names")
    assert (one.classes, one.set.described) == (1, 1)
    two = langseg.describe(("door, double door", "tree"), store=home / "names")
    assert (two.classes, two.set.described) == (2, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("langseg.load('nowhere')", "nowhere"),
        ("langseg.load('runs/demo', device='gpu')", "device 'gpu'"),
        ("langseg.load('runs/demo', device='meta')", "device 'meta'"),
        ("langseg.load('runs/demo', weights='w.safetensors')", "'demo' brings its own weights"),
        ("langseg.train('new', dataset='camvid', data='data', backbne=3)", "mean backbone?"),
        ("langseg.train('new', dataset='camvid', data='gone', store='store')", "gone"),
        ("langseg.evaluate('runs/demo', dataset='camvid', data='gone')", "gone"),
        ("langseg.evaluate('runs/demo', dataset='camvd')", "camvd"),
        ("langseg.load('runs/demo', short_side=-3)", "short_side: wanted at least 16"),
        ("langseg.load('runs/demo').segment('none.jpg')", "none.jpg"),
        ("langseg.load('runs/demo').with_classes([1], store='store')", "names as text, got 1"),
        ("langseg.describe([1, 2], store='new')", "names as text, got 1"),
        ("langseg.load('runs/demo').with_classes(['sky'], store='none')", "none"),
        ("langseg.describe('nothing.txt', store='new')", "nothing.txt"),
        ("langseg.describe('camvid', store='new', atributes=3)", "did you mean attributes?"),
        ("langseg.describe('camvid', store='new', provider='opnai')", "provider: wanted"),
    ],
)
def test_errors__are_langsegs_own_and_leave_the_streams_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    code: str, words: str,
):  # fmt: skip
    monkeypatch.chdir(home)
    with pytest.raises(langseg.LangSegError, match=re.escape(words)):
        eval(code)
    assert capfd.readouterr() == ("", "")
    assert not (home / "new").exists()


def test_describe__a_list_of_one_name_is_that_class_and_no_file(tmp_path: Path):
    with pytest.raises(langseg.LangSegError, match="wanted a model to ask"):
        langseg.describe(["sky"], store=tmp_path / "store", provider="openai")
