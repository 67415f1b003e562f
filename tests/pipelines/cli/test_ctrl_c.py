"""Ctrl-C ends a program with one true sentence, however often it is pressed and however early."""

import sys
from pathlib import Path

import pytest

from langseg.cache.store.store import Store
from tests.support.openai_server import OpenAIServer
from tests.support.program import environment
from tests.support.terminal import run_on_terminal

TOLD_AT_START = """
import os, sys
from langseg.pipelines.cli import start
class Importing:
    def find_spec(self, name, path, target=None):
        if name == "typer":
            os.write(1, b"importing")
            import time
            time.sleep(30)
sys.meta_path.insert(0, Importing())
start.%s()
"""


@pytest.mark.slow
@pytest.mark.parametrize("presses", [1, 2, 5])
def test_ctrl_c__leaves_one_sentence_and_every_answer_in_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, presses: int
):
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    (tmp_path / "c.txt").write_text("\n".join(f"thing number {n}" for n in range(40)))
    with OpenAIServer(delay_s=0.1) as server:
        code, said = run_on_terminal(
            [
                sys.executable, "-c", "from langseg.pipelines.cli import start; start.desc()",
                "generate", "--classes", str(tmp_path / "c.txt"), "--store", str(tmp_path / "s"),
                "--provider", "openai", "--model", "m", "--base-url", server.base_url,
                "--concurrency", "2",
            ],
            lambda said: [0.02] * presses if len(server.bodies) > 8 else [],
        )  # fmt: skip
    assert code == 130
    assert "Traceback" not in said
    assert said.count("interrupted: generate stopped at") == 1
    at = int(said.partition("stopped at ")[2].split(maxsplit=1)[0])
    assert Store.open(tmp_path / "s").table("responses").num_rows == at >= 6
    assert list((tmp_path / "s" / "journal").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("program", ["desc", "seg"])
def test_ctrl_c__while_a_program_is_imported_is_no_traceback(program: str):
    code, said = run_on_terminal(
        [sys.executable, "-c", TOLD_AT_START % program],
        lambda said: [0.02, 0.02] if b"importing" in said else [],
    )
    assert (code, "Traceback" in said) == (130, False)
    assert said.replace("^C", "") == "importinginterrupted\r\n"
