"""A bar is drawn on a terminal only, and no note of a server acts on it."""

import io
import sys

from langseg.pipelines.shared.progress import progress


def test_progress__draws_nothing_without_a_terminal(capsys):
    with progress("work") as advance:
        advance(1, 2)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress__shows_a_servers_markup_as_text_and_never_squeezes_the_bar_out(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with progress("work") as advance:
        advance(3, 7, "HTTP 500: [bold]x[/bold] [/red] " + "y" * 200)
    assert "[bold]x[/bold] [/red]" in screen.getvalue()
    assert "3/7" in screen.getvalue()
