"""What holds for every command of both command lines, and what only a process of its own shows."""

import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from subprocess import PIPE
from typing import Any, get_args, get_type_hints

import pytest
from typer.main import get_command

from langseg.descriptors.providers.factory import ModelKind
from langseg.pipelines.cli import desc, seg
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.seg.settings import DATASETS
from langseg.segmenter.data.layouts.registry import LAYOUTS
from langseg.segmenter.heads.registry import HEADS
from tests.support.children import heed_ctrl_c
from tests.support.openai_server import OpenAIServer
from tests.support.until import PATIENCE_S, until

pytestmark = pytest.mark.slow

DESC, SEG = "langseg-desc", "langseg-seg"
LINES = {DESC: desc.app, SEG: seg.app}
COMMANDS = [
    (line, name)
    for line, app in LINES.items()
    for name in get_command(app).commands  # type: ignore[attr-defined] # typed as one command
]
PYTHON_M = (sys.executable, "-m", "langseg.pipelines.cli.desc")


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(("line", "name"), COMMANDS)
def test_help__of_every_command_has_an_example_that_is_whole_and_json(call, line: str, name: str):
    done = call(line, name, "--help")
    assert done.code == 0
    examples = [row for row in done.out.split("\n") if row.strip().startswith(f"{line} {name}")]
    assert examples
    assert "Example" in done.out
    assert "--json" in done.out


@pytest.mark.parametrize("name", ["generate", "plan"])
def test_help__shows_every_default_that_a_configuration_has(
    call, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setenv("COLUMNS", "1000")  # no word is broken
    shown = words(call(DESC, name, "--help").out)
    for field, info in DescribeConfig.model_fields.items():
        flag = f"--{field.replace('_', '-')}"
        if info.annotation is bool:  # is off
            assert f"{flag} {info.description}" in shown
            continue
        assert f"{flag} <" in shown
        if info.default not in (None, ""):
            assert (
                f"[default: {info.default}]" in shown.partition(f"{flag} <")[2].partition(" --")[0]
            )


def test_choices__of_heads_datasets_and_providers_are_those_that_exist():
    flags = get_type_hints(seg.train)
    assert choices(flags["head"]) == set(HEADS)
    assert set(DATASETS) == set(LAYOUTS)
    provider = DescribeConfig.model_fields["provider"].annotation
    assert choices(provider) == {"bundled", *get_args(ModelKind)}


def choices(kind: Any) -> set[str]:
    """Of ``Literal[...]`` or ``Literal[...] | None``."""
    inner = [choice for part in get_args(kind) for choice in (get_args(part) or [part])]
    return {choice for choice in inner if isinstance(choice, str)}


def test_help__of_hand_written_defaults_shows_them(call):
    for name, default in (("train", "runs/train"), ("eval", "val"), ("predict", "runs/predict")):
        assert f"[default: {default}]" in words(call(SEG, name, "--help").out)
    assert "[default: langseg-store]" in words(call(DESC, "audit", "--help").out)


@pytest.mark.parametrize("line", LINES)
def test_version__is_that_of_the_package(call, line: str):
    done = call(line, "--version")
    assert (done.code, done.out) == (0, f"langseg {version('langseg')}\n")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    (folder / "mine.txt").write_text("wall\nsky\n")
    flags = ("--classes", folder / "mine.txt", "--store", folder / "store")
    subprocess.run([*PYTHON_M, "generate", *flags], check=True, capture_output=True)
    return folder / "store"


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_pipe__that_head_closes_is_no_error(store: Path, form: tuple[str, ...]):
    statement = "select repeat('x', 200) from range(2000)"  # far more than a pipe holds
    question = ("sql", statement, "--max-rows", "2000", "--store", store)
    with subprocess.Popen([*PYTHON_M, *question, *form], stdout=PIPE, stderr=PIPE) as writer:
        assert writer.stdout is not None
        head = subprocess.run(["head", "-c", "9"], stdin=writer.stdout, capture_output=True)
        writer.stdout.close()
        _, err = writer.communicate()
    assert len(head.stdout) == 9
    assert (writer.returncode, err) == (0, b"")


def test_pipe__that_nobody_reads_is_no_error():
    with subprocess.Popen([*PYTHON_M, "--help"], stdout=PIPE, stderr=PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.close()
        _, err = writer.communicate()
    assert (writer.returncode, err) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_generate__stopped_keeps_every_answer_and_says_how_to_go_on(call, tmp_path, number):
    (tmp_path / "own.txt").write_text("\n".join(f"thing {n}" for n in range(30)))
    flags = ["generate", "--classes", tmp_path / "own.txt", "--store", tmp_path / "store"]
    flags += ["--provider", "openai", "--model", "m", "--concurrency", "4"]
    with OpenAIServer(delay_s=0.15) as server:
        flags += ["--base-url", server.base_url]
        with subprocess.Popen(
            [*PYTHON_M, *flags],
            stderr=PIPE,
            text=True,
            preexec_fn=heed_ctrl_c,  # noqa: PLW1509
        ) as asking:
            until(lambda: len(server.bodies) >= 12)
            asking.send_signal(number)
            _, err = asking.communicate(timeout=PATIENCE_S)
        begun, server.delay_s = len(server.bodies), 0.0
        report = call(DESC, *flags, "--json").json
        assert len(server.bodies) == begun + report["asked"]
    assert asking.returncode == 130
    *slow, last = err.splitlines()
    assert last.startswith("interrupted: generate stopped at ")
    assert "run the same command again" in last
    assert all(line.startswith("generate: ") for line in slow)  # told where it takes over 5 s
    assert report["cached"] >= begun - 4 > 0  # 4 were under way
    assert report["cached"] + report["asked"] == 30
