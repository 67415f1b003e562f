"""A bar is drawn on a terminal; elsewhere a plain line says now and then how far the work is."""

import io
import re
import sys
import threading
import time
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langseg.pipelines.shared import progress as module
from langseg.pipelines.shared.progress import Position, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def terminal(monkeypatch) -> Terminal:
    """Stands in for stderr."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    return screen


def test_progress__is_silent_of_a_short_command_without_a_terminal(capsys):
    with progress("work") as advance:
        advance(1, 2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("on_dumb_terminal", [False, True])
def test_plain_line__comes_though_a_step_takes_long(monkeypatch, capsys, on_dumb_terminal):
    monkeypatch.setattr(module, "LINE_EVERY_S", 0.02)
    if on_dumb_terminal:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setenv("TERM", "dumb")
    err, threads = "", threading.active_count()
    with progress("train") as advance:
        advance(57, 240, "side 210", phase="reading\x1b[31m features")
        until = time.monotonic() + 5
        while err.count("\n") < 2 and time.monotonic() < until:
            time.sleep(0.01)
            err += capsys.readouterr().err
    lines = err.splitlines()
    assert lines[:2] == ["train: reading[31m features 57/240, side 210"] * 2
    assert threading.active_count() == threads


def test_plain_line__names_the_phase_counts_and_says_what_is_left():
    clock = Clock()
    position = Position("train", clock)
    assert position.line() == ""
    position.advance(0, 0, phase="loading")
    clock.now += 10
    assert position.line() == "train: loading, 10 s so far"
    clock.now += 2
    position.advance(40, 240, phase="reading features")  # 40 were there
    clock.now += 8
    position.advance(57, 240, phase="reading features")
    assert position.line() == "train: reading features 57/240, 86 s left"
    position.advance(1, 2000, "loss 4.1")
    assert position.line() == "train: 1/2000, loss 4.1"
    clock.now += 10
    position.advance(11, 2000, "loss 4.0")
    assert position.line() == "train: 11/2000, loss 4.0, 33 min left"


def test_plain_line__goes_by_the_rate_of_late():
    clock = Clock()
    position = Position("encode", clock)
    position.advance(0, 1000)
    for second in range(10, 110, 10):  # one a second, then ten
        clock.now += 10
        done = second if second <= 50 else 50 + 10 * (second - 50)
        position.advance(done, 1000)
        line = position.line()
    assert line == "encode: 550/1000, 45 s left"


@given(
    told=st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=50),
    gap=st.floats(0, 100),
)
def test_plain_lines__of_a_phase_never_go_back(told, gap):
    clock = Clock()
    position = Position("work", clock)
    seen: dict[str, list[int]] = {"": [], "second": []}
    phase = ""
    for done, turned in told:
        phase = "second" if turned or phase else ""
        position.advance(done, 50, phase=phase)
        clock.now += gap
        count = re.search(r"(\d+)/50", position.line())
        assert count
        seen[phase].append(int(count[1]))
    assert all(counts == sorted(counts) for counts in seen.values())


def test_bar__shows_a_servers_markup_as_text_and_is_never_squeezed_out(monkeypatch):
    screen = terminal(monkeypatch)
    with progress("work") as advance:
        advance(3, 7, "HTTP 500: [bold]x[/bold] [/red] " + "y" * 200)
    assert "[bold]x[/bold] [/red]" in screen.getvalue()
    assert "3/7" in screen.getvalue()


def test_bar__names_the_phase_and_shows_no_count_where_none_is_known(monkeypatch):
    screen = terminal(monkeypatch)
    with progress("train") as advance:
        advance(0, 0, phase="loading")
        time.sleep(0.15)  # it is drawn ten times a second
        advance(57, 240, phase="reading features")
    assert "train: loading" in screen.getvalue()
    assert re.search(r"train: reading features.*57/240", screen.getvalue())
    assert "/?" not in screen.getvalue()
