"""A shell completes what only LangSeg knows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def completed(program: str, line: str, folder: Path) -> set[str]:
    """What a bash completes at the end of a command line."""
    module = f"langseg.pipelines.cli.{program.partition('-')[2]}"
    variable = f"_{program.upper().replace('-', '_')}_COMPLETE"
    words = f"{program} {line}"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {module} as m; sys.argv[0] = {program!r}; m.main()"],
        env=os.environ | {
            variable: "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
        },
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("bank --dataset city", {"cityscapes"}),
        ("audit --question dup", {"duplicates"}),
        ("encode --encoder m", {"minilm"}),
        ("plan --provider open", {"openai", "openai-batch"}),
        ("show sk", {"sky"}),
        ("explain-key --dataset camvid bi", {"bicyclist"}),
        ("show --store nothing s", set()),
        ("export --form", {"--format"}),
    ],
)
def test_completion__of_stage_one_knows_its_words(stored: Path, line: str, words: set[str]):
    assert completed("langseg-desc", line, stored) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train --head l", {"linear"}),
        ("train --dataset ci", {"cityscapes"}),
        ("predict --vocabulary ms", {"msrc"}),
        ("predict --vocabulary sky,w", {"sky,wall"}),
    ],
)
def test_completion__of_stage_two_knows_its_words(stored: Path, line: str, words: set[str]):
    assert completed("langseg-seg", line, stored) == words


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store that was asked about wall and sky."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "mine.txt").write_text("wall\nsky\n")
    command = [sys.executable, "-m", "langseg.pipelines.cli.desc", "generate"]
    subprocess.run([*command, "--classes", "mine.txt"], cwd=folder, check=True, capture_output=True)
    return folder
