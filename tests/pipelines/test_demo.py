"""The demo keeps what it measured, redoes what is missing and says how to start anew."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from langseg.cache.bank.load_save import save_bank
from langseg.cache.errors import CorruptError
from langseg.descriptors.vocabulary.source import DEFAULT_STORE
from langseg.pipelines import demo
from langseg.pipelines.demo import Stages
from langseg.pipelines.seg.demo_data import DemoDataReport, run_demo_data
from tests.support.quiet import no_bar
from tests.support.random_bank import random_bank


@dataclass(frozen=True)
class Did:
    sentence: str


def test_stages__keep_the_seconds_of_a_finished_stage_through_an_interruption(tmp_path):
    metrics = tmp_path / "metrics.json"

    def stopped(advance):
        raise KeyboardInterrupt

    first = Stages(metrics)
    first.run("one", "do one", lambda advance: Did("done"), lambda report: True)
    first.values["stages"]["one"]["seconds"] = 12.5
    first.run("two", "do two", lambda advance: Did("done"), lambda report: True)
    with pytest.raises(KeyboardInterrupt):
        first.run("three", "do three", stopped, lambda report: True)
    again = Stages(metrics)
    again.run("one", "do one", lambda advance: Did("nothing"), lambda report: False)
    document = json.loads(metrics.read_text())
    assert document["seconds"]["one"] == document["stages"]["one"]["seconds"] == 12.5
    assert list(document["stages"]) == ["one", "two"]


def test_all_drawn__wants_the_mask_and_the_overlay_of_every_picture(tmp_path):
    pictures = [{"stem": "a"}, {"stem": "b"}]
    files = [tmp_path / name for name in ("a.png", "overlay_a.png", "b.png", "overlay_b.png")]
    for file in files:
        file.touch()
    assert demo._all_drawn(tmp_path, pictures)
    assert not demo._all_drawn(tmp_path, [])
    for file in files:
        file.unlink()
        assert not demo._all_drawn(tmp_path, pictures)
        file.touch()


def test_store_flag__is_shown_only_for_another_store():
    assert demo._store_flag(DEFAULT_STORE) == ""
    assert demo._store_flag(Path("else")) == " --store else"


@pytest.mark.slow
def test_train__of_a_damaged_run_says_to_delete_its_folder(tmp_path, monkeypatch):
    out = tmp_path / "run"
    bank = save_bank(random_bank("ade20k"), tmp_path / "banks")
    run_demo_data(out / "data", 0, 2, 1, (96, 64), no_bar)
    monkeypatch.setattr(
        "langseg.pipelines.seg.demo_data.run_demo_data",
        lambda *given: DemoDataReport(out=out, rendered=0, sentence="there already"),
    )
    (out / "ckpt-000001").mkdir()
    (out / "ckpt-000001" / "state.json").write_text("{}")
    with pytest.raises(CorruptError, match=f"delete the run folder {out}"):
        demo._train(Stages(out / "metrics.json"), out, out / "data", bank, tmp_path)
