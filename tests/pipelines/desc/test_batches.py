"""The Batch API from the command line's side: submitted by one run, collected by another."""

from pathlib import Path
from typing import Any

import pytest

from langseg.cache.errors import BudgetError, UsageError
from langseg.cache.upkeep.verify import examine
from langseg.pipelines.desc.generate import GenerateResult, run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from tests.support.batch_server import BatchServer
from tests.support.openai_server import OpenAIServer
from tests.support.quiet import Quiet


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def run(tmp_path: Path, server: BatchServer | OpenAIServer, **changes: Any) -> GenerateResult:
    (tmp_path / "mine.txt").write_text("flux capacitor\nhoverboard\n")
    provider = "openai-batch" if isinstance(server, BatchServer) else "openai"
    config = DescribeConfig(
        classes=tmp_path / "mine.txt", store=tmp_path / "store", provider=provider,
        model="m", base_url=server.base_url, **changes,
    )  # fmt: skip
    return run_generate(config, Quiet())


@pytest.mark.slow
def test_generate__submits_leaves_and_collects_in_a_later_run(tmp_path: Path):
    with BatchServer() as server:
        first = run(tmp_path, server)
        assert (first.under_way, first.asked) == (2, 0)
        assert "2 requests are with the server" in first.sentence
        second = run(tmp_path, server)
        assert (second.under_way, second.still_open) == (0, 0)
        assert second.statuses == {"ok": 2}
        third = run(tmp_path, server)
        assert (third.cached, third.asked) == (2, 0)
    assert sum(server.accepted.values()) == 2
    assert examine(tmp_path / "store").problems == []


@pytest.mark.slow
def test_generate__that_waits_ends_with_every_answer(tmp_path: Path):
    with BatchServer() as server:
        report = run(tmp_path, server, wait=True)
    assert (report.under_way, report.statuses) == (0, {"ok": 2})


@pytest.mark.slow
def test_batch_answers__are_no_more_asked_of_a_server_that_answers_at_once(tmp_path: Path):
    with BatchServer() as server:
        run(tmp_path, server, wait=True)
    with OpenAIServer() as online:
        assert run(tmp_path, online).cached == 2
    assert online.bodies == []


@pytest.mark.slow
def test_unusable_batch_answer__is_submitted_once_more_by_the_run_that_collects_it(tmp_path: Path):
    with BatchServer(lines={0: "refusal"}) as server:
        run(tmp_path, server)
        second = run(tmp_path, server)
        assert (second.statuses, second.under_way) == ({"refused": 1, "ok": 1}, 1)
        third = run(tmp_path, server)
        assert (third.statuses, third.still_open) == ({"ok": 1}, 0)
    assert sum(server.accepted.values()) == 3


def test_batch__counts_requests_under_way_against_the_budget(tmp_path: Path):
    with BatchServer(looks=9) as server:
        with pytest.raises(BudgetError, match="--max-requests is reached after 1 requests"):
            run(tmp_path, server, max_requests=1)
        assert sum(server.accepted.values()) == 1


@pytest.mark.slow
def test_scenes__of_a_batch_are_described_once_it_is_known_what_is_plausible(tmp_path: Path):
    scenes = tmp_path / "scenes.txt"
    scenes.write_text("garage\n")
    with BatchServer() as server:
        first = run(tmp_path, server, scenes=str(scenes))
        assert first.under_way == 3
        second = run(tmp_path, server, scenes=str(scenes))
        assert (second.statuses, second.under_way) == ({"ok": 3}, 1)
        third = run(tmp_path, server, scenes=str(scenes))
        assert (third.planned, third.still_open) == (4, 0)


def test_generate__refuses_to_pay_elsewhere_for_what_a_batch_will_bring(tmp_path: Path):
    with BatchServer(looks=9) as server, OpenAIServer() as online:
        run(tmp_path, server)
        with pytest.raises(UsageError, match="2 of these requests are with the Batch API"):
            run(tmp_path, online)
    assert online.bodies == []


def test_generate__kept_back_by_the_servers_room_is_no_failure(tmp_path: Path):
    with BatchServer(looks=9) as server:
        report = run(tmp_path, server, enqueued_tokens=2000)
    assert (report.under_way, report.still_open) == (1, 2)
    assert "1 requests are with the server, 1 wait for room there" in report.sentence


def test_generate__kept_back_by_a_cap_on_cost_says_so(tmp_path: Path):
    with BatchServer(looks=9) as server:
        caps = {"max_cost": 0.007, "price_in": 1.0, "price_out": 2.0}
        with pytest.raises(BudgetError, match="--max-cost is reached after 1 requests, and 1 are"):
            run(tmp_path, server, **caps)


def test_answers_that_were_collected__are_told_apart_from_those_asked_for(tmp_path: Path):
    with BatchServer() as server:
        run(tmp_path, server)
        second = run(tmp_path, server)
    assert (second.collected, second.asked, second.cached) == (2, 0, 2)
    assert "2 answers collected that were with the server" in second.sentence
