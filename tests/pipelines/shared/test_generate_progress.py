"""A run tells how far it is: in one live line, or in a plain line now and then, and never more."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langseg.descriptors.generation.report import GenerateReport
from langseg.pipelines.shared.console import run
from langseg.pipelines.shared.generate_progress import GenerateProgress, generate_progress

START = GenerateReport(
    run_id="r", planned=300, cached=40, recovered=0, collected=0, asked=0, reasked=0, statuses={},
    accepted=0, rejected={}, prompt_tokens=0, completion_tokens=0, cost_usd=0.0, attempts=0,
    most_tokens=0, most_cost_usd=0.0, still_open=260, seconds=0.0, manifest="000001",
)  # fmt: skip
HOSTILE = "\x1b[31mHTTP 429\x1b[0m [/red] \u202eslow\ndown"


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def asked(count: int, failed: int = 0, unusable: int = 0, usd_each: float = 1e-4) -> GenerateReport:
    statuses = {"ok": count - failed - unusable, "failed": failed, "refused": unusable}
    return replace(
        START,
        asked=count,
        statuses=statuses,
        cost_usd=count * usd_each,
        most_cost_usd=count * usd_each,
        still_open=START.still_open - count + failed,
    )


class Shown:
    """What was drawn: stands in for the bar."""

    def __init__(self) -> None:
        self.drawn: list[tuple[int, int, str]] = []

    def __call__(self, done: int, total: int, note: str = "") -> None:
        self.drawn.append((done, total, note))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lines(clock: Clock, capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    def lines() -> list[str]:
        return capsys.readouterr().err.splitlines()

    return lines


def a_run(clock: Clock, seconds: float, per_second: float, live: bool = False) -> Shown:
    """A run that is told of every answer, at an even pace."""
    shown = Shown()
    progress = GenerateProgress(shown, live, clock)
    progress.on_event("planned", START)
    begun = clock.now
    for count in range(1, int(seconds * per_second) + 1):
        clock.now = begun + count / per_second
        progress.on_event("answered", asked(count))
    progress.on_event("committed", asked(int(seconds * per_second)))
    return shown


def test_plain_lines__of_a_fast_run_are_none(clock: Clock, lines: Callable[[], list[str]]):
    a_run(clock, seconds=4.9, per_second=50)
    assert lines() == []


def test_plain_lines__say_done_cached_failed_rate_spend_and_what_is_left(
    clock: Clock, lines: Callable[[], list[str]]
):
    progress = GenerateProgress(Shown(), False, clock)
    progress.on_event("planned", START)
    clock.now += 25
    progress.on_event("answered", asked(82, failed=2))
    assert lines() == [
        "generate: 120 of 300 done (40 cached, 2 failed), 3.3 requests/s, $0.0082 spent, 54 s left"
    ]


def test_plain_lines__come_first_after_five_seconds_then_each_tenth_or_fifteen_seconds(
    clock: Clock, lines: Callable[[], list[str]]
):
    a_run(clock, seconds=50, per_second=1)  # a tenth of the plan takes 30 s: every 15 s is sooner
    assert [line.split()[1] for line in lines()] == ["45", "60", "75", "90"]
    a_run(clock, seconds=50, per_second=5)  # a tenth takes 6 s
    assert [line.split()[1] for line in lines()] == [
        "65", "95", "125", "155", "185", "215", "245", "275",
    ]  # fmt: skip


def test_plain_lines__count_answers_without_phrases_and_ask_no_failed_one_again(
    clock: Clock, lines: Callable[[], list[str]]
):
    progress = GenerateProgress(Shown(), False, clock)
    progress.on_event("planned", START)
    clock.now += 10
    progress.on_event("answered", asked(260, failed=10, unusable=3))
    assert "290 of 300 done (40 cached, 10 failed, 3 unusable), 26.0 requests/s" in (
        line := lines()[0]
    )
    assert line.endswith(", 0 s left")


def test_rate__is_that_of_the_last_half_minute(clock: Clock, lines: Callable[[], list[str]]):
    progress = GenerateProgress(Shown(), False, clock)
    progress.on_event("planned", START)
    for second in range(1, 101):  # one a second, then three
        clock.now += 1
        progress.on_event("answered", asked(min(second, 60) + 3 * max(0, second - 60)))
    last = lines()[-1]
    assert ", 3.0 requests/s" in last
    assert last.endswith(", 32 s left")  # 95 after 95 s


@pytest.mark.parametrize(
    ("seconds", "count", "words"),
    [
        (10, 10, "1.0 requests/s, $0.0010 spent, 4 min left"),
        (10, 100, "10.0 requests/s, $0.0100 spent, 16 s left"),
        (100, 1, "0.6 requests/min, $0.0001 spent, 7 h 12 min left"),
        (10, 0, "$0.00 spent"),
    ],
)
def test_rate_and_what_is_left__are_said_in_units_that_fit(
    clock: Clock, lines: Callable[[], list[str]], seconds: float, count: int, words: str
):
    progress = GenerateProgress(Shown(), False, clock)
    progress.on_event("planned", START)
    clock.now += seconds
    progress.on_event("answered", asked(count))
    assert lines()[-1].partition("), ")[2] == words


@pytest.mark.parametrize(
    ("cost", "most", "words"),
    [
        (0.0121, 0.0121, "$0.0121 spent"),
        (0.0121, 0.0150, "$0.0121 spent (at most $0.0150)"),
        (12.345, 12.345, "$12.35 spent"),
        (0.0, None, "$0.00 spent"),
        (None, 0.5, "at most $0.5000 spent"),
        (None, None, "spend unknown"),
    ],
)
def test_spend__is_known_bounded_or_unknown(
    clock: Clock, cost: float | None, most: float | None, words: str
):
    shown = Shown()
    progress = GenerateProgress(shown, True, clock)
    progress.on_event("planned", replace(START, cost_usd=cost, most_cost_usd=most))
    assert shown.drawn[-1] == (40, 300, f"40 cached, 0 failed, {words}")


def test_live_line__holds_the_last_fault_while_it_is_news(
    clock: Clock, lines: Callable[[], list[str]]
):
    shown = Shown()
    progress = GenerateProgress(shown, True, clock)
    progress.on_fault("before the plan is known")
    assert shown.drawn == []
    progress.on_event("planned", START)
    progress.on_fault(HOSTILE)
    counts = "40 cached, 0 failed, $0.00 spent"
    news = "[31mHTTP 429[0m [/red] slow down"
    assert shown.drawn[-1] == (40, 300, f"{news}, {counts}")
    clock.now += 6
    progress.on_event("answered", START)
    assert shown.drawn[-1][2] == f"{counts}, {news}"
    clock.now += 30
    progress.on_event("answered", START)
    assert shown.drawn[-1][2] == counts
    assert lines() == []


def test_plain_line__ends_with_the_last_fault_made_harmless(
    clock: Clock, lines: Callable[[], list[str]]
):
    progress = GenerateProgress(Shown(), False, clock)
    progress.on_event("planned", START)
    clock.now += 6
    progress.on_fault(HOSTILE + "x" * 500)
    (line,) = lines()
    assert "; last fault: [31mHTTP 429[0m [/red] slow down" in line
    assert len(line) < 250
    assert line.isprintable()


def test_ctrl_c__says_how_far_the_run_was_and_what_is_kept(
    clock: Clock, capsys: pytest.CaptureFixture[str]
):
    def app() -> None:
        with generate_progress("all answers are kept", clock) as progress:
            progress.on_event("planned", START)
            progress.on_event("answered", asked(60))
            raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        run(app)
    assert ended.value.code == 130
    assert capsys.readouterr().err == (
        "interrupted: generate stopped at 100 of 300; all answers are kept\n"
    )


def test_terminal__gets_a_live_line_and_no_plain_ones(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    with generate_progress("kept", clock) as progress:
        progress.on_event("planned", START)
        for count in (20, 40, 60):
            clock.now += 20
            progress.on_event("answered", asked(count))
    assert "100/300" in screen.getvalue()
    assert "40 cached, 0 failed" in screen.getvalue()
    assert "generate: " not in screen.getvalue()


@given(
    gaps=st.lists(st.floats(0.001, 40), min_size=1, max_size=60),
    faults=st.sets(st.integers(0, 59)),
)
def test_plain_lines__are_five_seconds_apart_and_tell_no_more_than_the_plan(
    gaps: list[float], faults: set[int]
):
    clock, screen = Clock(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        progress = GenerateProgress(Shown(), False, clock)
        progress.on_event("planned", START)
        begun, times = clock.now, []
        for number, gap in enumerate(gaps):
            clock.now += gap
            before = len(screen.getvalue())
            if number in faults:
                progress.on_fault("HTTP 500")
            progress.on_event("answered", asked(min(260, number)))
            if len(screen.getvalue()) > before:
                times.append(clock.now)
    assert screen.getvalue().count("\n") == len(times)
    assert all(later - sooner >= 5 for sooner, later in zip([begun, *times], times, strict=False))
