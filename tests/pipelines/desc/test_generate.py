"""Generating and planning as a library: what is promised when every answer is unusable."""

import json
import re
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.errors import BudgetError, InputError, UpstreamError, UsageError
from langseg.cache.upkeep.verify import examine
from langseg.descriptors.providers.bundled import load_pack
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.desc.plan import run_plan
from tests.support.openai_server import OpenAIServer
from tests.support.quiet import Quiet


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def settings(tmp_path: Path, **changes: Any) -> DescribeConfig:
    (tmp_path / "mine.txt").write_text("flux capacitor\nhoverboard\n")
    values = {"classes": tmp_path / "mine.txt", "store": tmp_path / "store", **changes}
    return DescribeConfig(**values)


def hosted(tmp_path: Path, server: OpenAIServer, **changes: Any) -> DescribeConfig:
    asked = {"provider": "openai", "model": "m", "base_url": server.base_url}
    return settings(tmp_path, **asked, **changes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("refusal", ["4 refused", "--model"]),
        ("filtered", ["4 refused", "--model"]),
        ("length", ["6 truncated", "raise --max-completion-tokens"]),
        ("wrong_type", ["4 invalid", "JSON schema"]),
        ("empty_strings", ["4 invalid", "too_short"]),
        ("duplicates", ["4 invalid", "duplicate"]),
        ("echo", ["4 invalid", "JSON schema"]),
    ],
)
def test_generate__without_one_usable_answer_fails_and_says_why(
    tmp_path: Path, behaviour: str, words: list[str]
):
    with OpenAIServer(always=behaviour) as server:
        for _ in range(2):  # the second time nothing is asked, and it is no success either
            with pytest.raises(UpstreamError, match="no class has a phrase") as caught:
                run_generate(hosted(tmp_path, server), Quiet())
            said = str(caught.value)
            assert all(word in said for word in [*words, "2 without", "--only-failed"])
            assert said.count("--max-completion-tokens") == (behaviour == "length")
    assert len(server.bodies) == (6 if behaviour == "length" else 4)  # cut: at three limits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("wrong_type", "hoverboard (2 invalid;"),
        ("length", "hoverboard (3 truncated;"),
        ("status:400", "hoverboard (1 failed;"),
    ],
)
def test_generate__is_no_success_while_one_class_has_no_usable_answer(
    tmp_path: Path, behaviour: str, words: str
):
    with OpenAIServer(about={"hoverboard": behaviour}) as server:
        config = hosted(tmp_path, server)
        with pytest.raises(UpstreamError, match=re.escape(words)):
            run_generate(config, Quiet())
        asked = len(server.bodies)
        with pytest.raises(UpstreamError, match=re.escape(words.split(maxsplit=1)[0])) as again:
            run_generate(config, Quiet())
        assert "--only-failed" in str(again.value)
        assert (len(server.bodies) == asked) == (behaviour != "status:400")  # that is no answer
        plan = run_plan(config)
        unusable = 0 if behaviour == "status:400" else 1
        assert (plan.cached, plan.unusable, plan.to_ask) == (1, unusable, 1 - unusable)
        assert plan.missing == ("hoverboard",) * unusable
        report = run_generate(hosted(tmp_path, server, accept_missing=True), Quiet())
        assert report.missing == ("hoverboard",)
        assert "1 without a usable answer: hoverboard" in report.sentence
        server.about = {}
        assert run_generate(hosted(tmp_path, server, only_failed=True), Quiet()).missing == ()
        assert run_generate(config, Quiet()).missing == ()


def test_generate__counts_unusable_answers_beside_good_ones(tmp_path: Path):
    with OpenAIServer(nth={0: "refusal"}) as server:
        report = run_generate(hosted(tmp_path, server), Quiet())
    assert "1 answers were unusable (1 refused)" in report.sentence


@pytest.mark.slow
def test_generate__shows_why_attempts_fail_while_it_runs(tmp_path: Path):
    watching = Quiet()
    with OpenAIServer(nth={0: "html"}) as server:
        run_generate(hosted(tmp_path, server), watching)
    assert any("Sign in to the Wi-Fi" in fault for fault in watching.faults)


@pytest.mark.slow
def test_generate__keeps_the_cost_of_every_sample_at_the_given_prices(tmp_path: Path):
    with OpenAIServer() as server:
        config = hosted(tmp_path, server, samples=2, price_in=1.0, price_out=2.0)
        report = run_generate(config, Quiet())
    assert report.planned == len(server.bodies) == 4
    assert report.prompt_tokens is not None
    assert report.completion_tokens is not None
    dollars = (report.prompt_tokens + 2 * report.completion_tokens) / 1e6
    assert report.cost_usd == pytest.approx(dollars)


def test_plan__needs_no_key_and_asks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    config = settings(tmp_path, provider="openai", model="gpt", samples=3)
    assert run_plan(config).to_ask == 6
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        run_generate(config, Quiet())
    assert not config.store.exists()


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["ade20k", "coco-stuff", "pascal-voc"])
def test_bundled__says_all_its_pack_holds_unless_counts_are_given(tmp_path: Path, dataset: str):
    pack = load_pack(package_files("langseg.descriptors").joinpath("packs", f"{dataset}.yaml"))
    names = [entry.name for entry in load_vocabulary(dataset).classes]
    entries = [pack.entries[name] for name in names]
    held = sum(len(entry.attributes) for entry in entries)
    subclasses = [phrases for entry in entries for phrases in entry.subclasses.values()]
    held += sum(1 + len(phrases) for phrases in subclasses)
    held += sum(len(phrases) for entry in entries for phrases in entry.scenes.values())
    report = run_generate(DescribeConfig(dataset=dataset, store=tmp_path / "store"), Quiet())
    named = f" ({len(subclasses)} of them names of subclasses)"
    assert report.sentence.count(f"; {held} phrases kept{named}, 0 dropped") == 1
    few = DescribeConfig(
        dataset=dataset, store=tmp_path / "few", scenes="none", attributes=7, subclasses=0
    )
    assert f"; {7 * len(entries)} phrases kept, 0" in run_generate(few, Quiet()).sentence


@pytest.mark.slow
def test_bundled__refuses_more_phrases_than_its_pack_can_half_fill(tmp_path: Path):
    config = DescribeConfig(dataset="camvid", store=tmp_path / "store", attributes=32)
    for run in (run_plan, lambda config: run_generate(config, Quiet())):
        with pytest.raises(InputError, match="--attributes: .*give at most"):
            run(config)
    assert not config.store.exists()


@pytest.mark.slow
def test_generate__of_two_vocabularies_leaves_the_first_as_it_was(tmp_path: Path):
    from langseg.descriptors.vocabulary.source import Source
    from langseg.pipelines.desc.open_sets import open_sets

    first = DescribeConfig(dataset="ade20k", store=tmp_path / "store")
    run_generate(first, Quiet())
    source = Source(dataset="ade20k", store=first.store)
    before = open_sets(source).of(source.model).phrases()
    run_generate(DescribeConfig(dataset="camvid", store=first.store), Quiet())
    assert open_sets(source).of(source.model).phrases() == before
    assert len(open_sets(source).of(source.model).described()) >= 150
    assert examine(first.store).problems == []


@pytest.mark.slow
def test_scene__whose_reply_was_cut_at_first_is_described_all_the_same(tmp_path: Path):
    scenes = tmp_path / "scenes.txt"
    scenes.write_text("garage\n")
    with OpenAIServer(nth={0: "length"}) as server:
        config = hosted(tmp_path, server, scenes=str(scenes))
        report = run_generate(config, Quiet())
    assert report.statuses == {"truncated": 1, "ok": 4}
    assert {json.loads(body["messages"][-1]["content"].splitlines()[1][7:]) for body in
            server.bodies[2:]} == {"*", "garage"}  # fmt: skip
    assert run_plan(config).scenes_to_ask == 0


def test_store_whose_first_replies_were_cut__is_complete_the_second_time(tmp_path: Path):
    with OpenAIServer(nth={0: "length", 1: "length"}) as server:
        config = hosted(tmp_path, server)
        run_generate(config, Quiet())
        asked = len(server.bodies)
        assert run_generate(config, Quiet()).cached == 2
        assert len(server.bodies) == asked


def test_generate__names_the_reason_of_a_request_that_got_no_answer(tmp_path: Path):
    reason = "1 without a usable answer: hoverboard .1 failed; such as: .*400"
    with OpenAIServer(nth={1: "status:400"}) as server, pytest.raises(UpstreamError, match=reason):
        run_generate(hosted(tmp_path, server), Quiet())


def test_cap_below_one_request__is_to_be_raised_and_not_run_again(tmp_path: Path):
    reason = "after 0 requests, and 2 are left; .*raise --max-tokens"
    with OpenAIServer() as server, pytest.raises(BudgetError, match=reason):
        run_generate(hosted(tmp_path, server, max_tokens=10), Quiet())
    assert server.bodies == []


def test_generate__names_the_flags_that_the_next_command_needs(tmp_path: Path):
    scenes = tmp_path / "scenes.txt"
    scenes.write_text("garage\n")
    with OpenAIServer() as server:
        report = run_generate(hosted(tmp_path, server, scenes=str(scenes)), Quiet())
    command = report.sentence.partition("next: ")[2]
    assert command.startswith(f"langseg-desc encode --classes {tmp_path / 'mine.txt'}")
    assert f"--scenes {scenes}" in command
