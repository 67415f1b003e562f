"""Help is as wide as the terminal, in panels, and plain where no terminal is."""

import re

import pytest
from typer.main import get_command

from langseg.pipelines.cli import desc, seg
from langseg.pipelines.cli.help import OTHERS, PANELS
from langseg.pipelines.seg.settings import shipped_configs

DESC, SEG = "langseg-desc", "langseg-seg"
LINES = {DESC: desc.app, SEG: seg.app}
COMMANDS = [
    (line, name)
    for line, app in LINES.items()
    for name in get_command(app).commands  # type: ignore[attr-defined] # typed as one command
]


@pytest.mark.parametrize("columns", [60, 100, 200])
@pytest.mark.parametrize("line", LINES)
def test_help__is_as_wide_as_the_terminal_and_cuts_no_summary(
    call, monkeypatch: pytest.MonkeyPatch, line: str, columns: int
):
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = call(line, "-h").out
    assert shown == call(line, "--help").out
    assert columns * 0.8 < max(map(len, shown.splitlines())) <= columns
    for name, command in get_command(LINES[line]).commands.items():  # type: ignore[attr-defined]
        words = " ".join(shown.split())
        assert f"{name} {command.help.partition(chr(10))[0]}" in words


@pytest.mark.parametrize(("line", "name"), COMMANDS)
def test_help__of_every_command_is_plain_and_has_its_options_in_panels(
    call, monkeypatch: pytest.MonkeyPatch, line: str, name: str
):
    monkeypatch.setenv("COLUMNS", "100")
    shown = call(line, name, "-h").out
    headings = re.findall(r"^(\w[\w ]+):$", shown, re.MULTILINE)
    assert set(headings) <= {"Arguments", *PANELS, OTHERS}
    assert len(headings) >= 2
    assert "Options" not in headings
    assert "\x1b" not in shown
    assert "--set KEY=VALUE" in shown
    assert max(len(row) for row in shown.splitlines() if line not in row) <= 100


def test_help__of_generate_has_who_what_scenes_and_limits(call):
    shown = call(DESC, "generate", "--help").out
    for heading in ("Who answers", "What is asked", "Scenes", "Limits", "Advanced"):
        assert f"\n{heading}:\n" in shown


def test_help__on_a_terminal_has_bold_headings_unless_no_colour_is_wanted(
    call, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1mScenes" in call(DESC, "plan", "-h").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in call(DESC, "plan", "-h").out


def test_set__is_in_every_command_of_both_programs(call, tmp_path):
    for line, name in COMMANDS:
        words = {"import": ["f"], "explain-key": ["wall"], "show": ["x"], "sql": ["from texts"],
                 "predict": ["a.png"], "explain": ["a.png"],
                 "fetch": ["x"]}.get(name, [])  # fmt: skip
        done = call(line, name, *words, "--set", "stor=x")
        assert (name, done.code) == (name, 2)
        assert "stor: no such setting" in done.err, name
        if "--store" in call(line, name, "-h").out:
            assert "did you mean store?" in done.err


def test_help__of_audit_does_not_say_that_a_vocabulary_is_meant_unasked(call):
    words = " ".join(call(DESC, "audit", "-h").out.split())
    assert "voc-21. --classes" in words
    assert "[default: ade20k]" not in words


def test_help__of_train_names_all_settings_that_ship(call):
    words = " ".join(call(SEG, "train", "-h").out.split())
    assert f"a name that ships: {', '.join(file.stem for file in shipped_configs())};" in words
