"""A run tells how far it is, at what pace, and what it has spent."""

from dataclasses import dataclass, replace

import pytest

from langseg.descriptors.generation.report import GenerateReport
from langseg.pipelines.shared.console import run
from langseg.pipelines.shared.generate_progress import GenerateProgress, generate_progress

START = GenerateReport(
    run_id="r", planned=300, cached=40, unusable=0, missing=(), recovered=0, collected=0,
    asked=0, reasked=0, statuses={}, accepted=0, subclasses=0,
    rejected={}, prompt_tokens=0, completion_tokens=0, cost_usd=0.0, attempts=0,
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

    def __call__(
        self, done: int, total: int, note: str = "", phase: str = "", mark: bool = False
    ) -> None:
        self.drawn.append((done, total, note))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_note__says_cached_failed_rate_and_spend(clock: Clock):
    shown = Shown()
    progress = GenerateProgress(shown, clock)
    progress.on_event("planned", START)
    clock.now += 25
    progress.on_event("answered", asked(82, failed=2))
    assert shown.drawn[-1] == (120, 300, "40 cached, 2 failed, 3.3/s, $0.0082 spent")


def test_note__counts_answers_without_phrases(clock: Clock):
    shown = Shown()
    progress = GenerateProgress(shown, clock)
    progress.on_event("planned", START)
    clock.now += 10
    progress.on_event("answered", asked(260, failed=10, unusable=3))
    assert shown.drawn[-1][2].startswith("40 cached, 10 failed, 3 unusable, 26.0/s, ")


def test_rate__is_that_of_the_last_half_minute(clock: Clock):
    shown = Shown()
    progress = GenerateProgress(shown, clock)
    progress.on_event("planned", START)
    for second in range(1, 101):  # one a second, then three
        clock.now += 1
        progress.on_event("answered", asked(min(second, 60) + 3 * max(0, second - 60)))
    assert ", 3.0/s, " in shown.drawn[-1][2]


@pytest.mark.parametrize(
    ("seconds", "count", "words"),
    [
        (10, 10, "1.0/s, $0.0010 spent"),
        (100, 1, "0.6/min, $0.0001 spent"),
        (10, 0, "$0.00 spent"),
    ],
)
def test_rate__is_said_in_units_that_fit(clock: Clock, seconds: float, count: int, words: str):
    shown = Shown()
    progress = GenerateProgress(shown, clock)
    progress.on_event("planned", START)
    clock.now += seconds
    progress.on_event("answered", asked(count))
    assert shown.drawn[-1][2] == f"40 cached, 0 failed, {words}"


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
    progress = GenerateProgress(shown, clock)
    progress.on_event("planned", replace(START, cost_usd=cost, most_cost_usd=most))
    assert shown.drawn[-1] == (40, 300, f"40 cached, 0 failed, {words}")


def test_note__holds_the_last_fault_while_it_is_news(clock: Clock):
    shown = Shown()
    progress = GenerateProgress(shown, clock)
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


def test_note__says_what_all_wait_for_and_not_the_same_reason_twice(clock: Clock):
    shown = Shown()
    progress = GenerateProgress(shown, clock)
    progress.on_event("planned", START)
    progress.on_fault("HTTP 429: slow down")
    progress.on_wait("waits until 12:00:05, as HTTP 429: slow down")
    note = shown.drawn[-1][2]
    assert "waits until 12:00:05, as HTTP 429: slow down" in note
    assert note.count("HTTP 429") == 1
    progress.on_wait("")
    assert shown.drawn[-1][2].count("HTTP 429") == 1


def test_note__makes_a_fault_harmless_and_short(clock: Clock):
    shown = Shown()
    progress = GenerateProgress(shown, clock)
    progress.on_event("planned", START)
    clock.now += 6
    progress.on_fault(HOSTILE + "x" * 500)
    note = shown.drawn[-1][2]
    assert note.startswith("[31mHTTP 429[0m [/red] slow down")
    assert len(note) < 200
    assert note.isprintable()


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
