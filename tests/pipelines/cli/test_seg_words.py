"""`langseg-seg predict` and `eval` with other words than the head was trained on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from langseg.cache.bank.load_save import save_bank
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.bank import run_bank
from langseg.pipelines.desc.encode import run_encode
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.seg.settings import train_settings
from langseg.pipelines.seg.train import run_train
from tests.support.quiet import Quiet, no_bar
from tests.support.random_bank import random_bank
from tests.support.tiny_segmenter import write_camvid

pytestmark = pytest.mark.slow

SEG = "langseg-seg"
QUICK = "training: {steps: 1, batch_size: 2, crop: 24, warmup_steps: 1, head: {hidden: 64}}\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, hash_encoder: str) -> Path:
    """A store that describes CamVid's classes, pictures of them, and a head trained on both."""
    home = tmp_path_factory.mktemp("words")
    (home / "data").mkdir()
    write_camvid(home / "data")
    for kind in ("", "annot"):
        shutil.copytree(home / f"data/train{kind}", home / f"data/val{kind}")
    source = Source(dataset="camvid", store=home / "store")
    run_generate(DescribeConfig(**source.model_dump(include={"dataset", "store"})), Quiet())
    run_encode(source, hash_encoder, no_bar)
    run_bank(source, hash_encoder)
    (home / "quick.yaml").write_text(QUICK)
    for kind in ("dense", "linear"):
        flags = {
            "dataset": "camvid", "data": home / "data", "store": home / "store",
            "out": home / kind, "training": {"head": {"kind": kind}},
        }  # fmt: skip
        run_train(train_settings(str(home / "quick.yaml"), flags), no_bar)
    return home


@pytest.fixture
def picture(home: Path) -> Path:
    return home / "data/val/1.png"


def test_predict__with_words_says_which_and_gives_their_ids(call, home, picture, tmp_path):
    flags = ("--checkpoint", home / "dense", "--store", home / "store", "--out", tmp_path)
    done = call(SEG, "predict", *flags, "--vocabulary", "cyclist,unicorn", picture)
    assert done.code == 0
    said = done.err
    assert "asked with 2 classes (cyclist, unicorn), trained on camvid's 11\n" in said
    assert "as camvid means it: cyclist (bicyclist)\n" in said
    assert "holds no phrases of unicorn" in said
    assert "1 text has no vector yet" in said
    with Image.open(tmp_path / "1.png") as mask:
        assert set(np.unique(np.asarray(mask))) <= {1, 2}


def test_predict__with_a_file_of_words(call, home, picture, tmp_path):
    (tmp_path / "mine.txt").write_text("sky\nroad\n")
    flags = ("--checkpoint", home / "dense", "--store", home / "store", "--out", tmp_path)
    done = call(SEG, "predict", *flags, "--vocabulary", tmp_path / "mine.txt", picture, "--json")
    (seen,) = done.json["predicted"]
    assert seen["classes"].keys() <= {"sky", "road"}


def test_eval__with_the_words_of_the_dataset_scores_and_keeps_no_report_as_the_runs_own(call, home):
    flags = ("--dataset", "camvid", "--data", home / "data", "--store", home / "store")
    (home / "dense/eval.json").unlink(missing_ok=True)
    own = call(SEG, "eval", "--checkpoint", home / "dense", *flags, "--json")
    kept = (home / "dense/eval.json").read_bytes()
    asked = call(
        SEG, "eval", "--checkpoint", home / "dense", *flags, "--vocabulary", "camvid", "--json"
    )
    assert asked.json["miou"] == own.json["miou"]
    assert (home / "dense/eval.json").read_bytes() == kept


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("eval", "--vocabulary", "sky,road"), 3, "wanted the ids and names of camvid"),
        (
            ("eval", "--vocabulary", "camvid", "--bank", "{bank}"),
            2,
            "--bank or --vocabulary, got both",
        ),
        (("eval", "--vocabulary", "camvid", "--checkpoint", "{linear}"), 2, "reads no words"),
        (("eval", "--vocabulary", "camvid", "--store", "gone"), 3, "no store is here"),
        (("eval", "--vocabulary", "camvit"), 2, "did you mean 'camvid'?"),
        (("eval", "--bank", "{list}"), 2, "a class list is given with --vocabulary"),
    ],
)
def test_words__that_cannot_be_asked_with_end_in_one_sentence(call, home, arguments, code, word):
    places = {
        "linear": home / "linear", "bank": save_bank(random_bank("camvid"), home / "banks"),
        "list": home / "quick.yaml",
    }  # fmt: skip
    flags = {
        "--checkpoint": home / "dense", "--dataset": "camvid", "--data": home / "data",
        "--store": home / "store",
    }  # fmt: skip
    command, *rest = (argument.format(**places) for argument in arguments)
    flags |= dict(zip(rest[::2], rest[1::2], strict=True))
    done = call(SEG, command, *(part for pair in flags.items() for part in pair))
    assert (done.code, word in done.err) == (code, True), done.err
    assert "Traceback" not in done.err
