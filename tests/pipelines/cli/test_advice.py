"""Whatever a message advises, the command that says it has.

Messages are found in the source: every text that is no docstring and no words of a setting. Which
commands can say one is found, too: those whose module imports, however indirectly, its module.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from langseg.pipelines.cli import desc, seg

ROOT = Path(__file__).parents[3]
PROGRAMS = {"langseg-desc": desc.app, "langseg-seg": seg.app}
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
COMMAND = re.compile(r"(langseg-(?:seg|desc)) (?!and\b)([a-z][a-z-]*)([^`;]*)")
# Who alone says it, of those that import the module; () for what is of another program
SAID_BY: dict[tuple[str, str], set[str]] = {
    **{
        ("descriptors/providers/budget.py", flag): {"generate"}
        for flag in ("--max-minutes", "--max-requests", "--max-tokens", "--max-cost", "--price-in",
                     "--price-out")
    },
    **{
        ("descriptors/vocabulary/source.py", flag): {"generate", "bank", "audit"}
        for flag in ("--dataset", "--classes", "--scenes", "--scenes-from")
    },
    ("descriptors/vocabulary/source.py", "--encoder"): {"encode", "arms"},
    ("descriptors/vocabulary/source.py", "--base-url"): {"encode", "arms"},
    # the datasets of train and eval are named in their settings, and no other gets this far
    ("descriptors/vocabulary/load.py", "--classes"): {"generate", "bank", "audit"},
    ("descriptors/bank/select.py", "--model"): {"encode", "bank", "arms", "audit", "export"},
    ("descriptors/openai_api/fault.py", "--request-timeout"): {"generate"},  # encode says its own
    ("descriptors/encoders/embeddings_reply.py", "--pooling"): set(),  # llama.cpp's
    ("pipelines/desc/repair.py", "--dataset"): {"generate"},  # put together to its command
    ("pipelines/desc/repair.py", "--classes"): {"generate"},
    ("pipelines/seg/datasets.py", "--data"): {"train", "eval"},
    **{
        ("pipelines/seg/settings.py", flag): {"train", "eval"}
        for flag in ("--dataset", "--classes", "--images", "--labels")
    },
    **{
        (file, flag): {"train", "eval"}
        for file in ("pipelines/seg/datasets.py", "segmenter/data/own.py")
        for flag in ("--val-images", "--val-labels")
    },
    ("pipelines/seg/datasets.py", "--val-share"): {"train", "eval"},
    # of stage one's commands, none reads a picture: they import the walk through scenes
    ("segmenter/data/encodings.py", "--colours"): {"train", "eval"},
    ("segmenter/data/images.py", "--grey-window"): {"train", "eval", "predict"},
    ("segmenter/data/images.py", "--page"): {"train", "eval", "predict"},
    ("segmenter/data/layouts/base.py", "--grey-window"): {"train", "eval"},
    ("pipelines/seg/inputs.py", "--vocabulary"): {"eval", "predict"},
    ("pipelines/shared/advice.py", "--store"): {"generate", "train", "eval", "predict"},
    ("pipelines/shared/advice.py", "--time-limit"): {"sql"},
    ("pipelines/shared/advice.py", "--memory-limit"): {"sql"},
    ("pipelines/shared/output_file.py", "--out"): {"export"},
    ("pipelines/shared/output_file.py", "--format"): {"export"},
    ("segmenter/backbones/load.py", "--pretrained"): {"train"},
    ("segmenter/backbones/load.py", "--revision"): {"train"},
    ("segmenter/evaluation/evaluate.py", "--split"): {"eval"},  # train scores no stored masks
    ("segmenter/backbones/weights.py", "--weights"): {"train", "eval", "predict"},
}  # fmt: skip
OF_ANOTHER_PROGRAM = {"segmenter/backbones/offline.py"}  # pip's


def file_of(module: str) -> Path | None:
    """The file of one of our modules, by its name."""
    try:
        spec = find_spec(module) if module.startswith("langseg.") else None
    except ModuleNotFoundError:  # a name in a module, no module
        return None
    return Path(spec.origin).resolve() if spec and spec.origin else None


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def imported(node: ast.AST) -> Iterator[Path]:
    """Files of ours that a piece of code imports, when it is run."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        return
    if isinstance(node, ast.ImportFrom) and node.module:
        for name in node.names:
            if file := file_of(f"{node.module}.{name.name}") or file_of(node.module):
                yield file
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


@cache
def imported_by(file: Path) -> frozenset[Path]:
    return frozenset(imported(tree_of(file)))


def reached(start: ast.AST) -> set[Path]:
    found: set[Path] = set()
    following = list(imported(start))
    while following:
        file = following.pop()
        if file not in found:
            found.add(file)
            following += imported_by(file)
    return found


@cache
def commands() -> dict[tuple[str, str], tuple[frozenset[str], frozenset[Path]]]:
    """(program, command) -> its flags, and the files that it runs."""
    found = {}
    for program, app in PROGRAMS.items():
        for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
            flags = {opt for one in command.params for opt in (*one.opts, *one.secondary_opts)}
            code = _function_of(app, name)
            found[program, name] = frozenset(flags), frozenset(reached(code))
    return found


def _function_of(app: typer.Typer, name: str) -> ast.AST:
    """The code of a command, in whichever file of the command line it stands."""
    folder = ROOT / "pipelines/cli"
    wanted = next(
        info.callback.__name__
        for info in app.registered_commands
        if info.callback and (info.name or info.callback.__name__.replace("_", "-")) == name
    )
    files = [folder / "seg.py"] if app is seg.app else list((folder / "desc_commands").glob("*.py"))
    return next(
        node
        for file in files
        for node in tree_of(file).body
        if isinstance(node, ast.FunctionDef) and node.name == wanted
    )


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Every text of a file with its line, an f-string as one; no docstring, no setting's words."""
    tree = tree_of(file)
    left_out: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(node.value)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("Field", "Option", "add_argument")
        ):
            left_out |= set(ast.walk(node))
    for node in ast.walk(tree):
        if node in left_out:
            continue
        if isinstance(node, ast.JoinedStr):
            left_out |= set(ast.walk(node))
            parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def advice() -> Iterator[tuple[Path, int, str]]:
    """All that the commands can say and that names a flag or a command."""
    for file in sorted(frozenset().union(*(files for _, files in commands().values()))):
        if str(file.relative_to(ROOT)) not in OF_ANOTHER_PROGRAM:
            for line, text in texts(file):
                if FLAG.search(text) or COMMAND.search(text):
                    yield file, line, text


@pytest.mark.slow
def test_advice__names_commands_that_exist_with_flags_that_they_have():
    wrong = []
    for file, line, text in advice():
        for program, name, rest in COMMAND.findall(text):
            flags, _ = commands().get((program, name), (None, None))
            if flags is None or not set(FLAG.findall(rest)) <= flags:
                wrong.append(f"{file}:{line}: {text}")
    assert wrong == []


@pytest.mark.slow
def test_advice__names_flags_that_every_command_has_which_can_say_it():
    wrong = []
    used = set()
    for file, line, text in advice():
        place = str(file.relative_to(ROOT))
        runs = {key for key, (_, files) in commands().items() if file in files}
        for flag in FLAG.findall(COMMAND.sub("", text)):
            told = SAID_BY.get((place, flag))
            if told is not None:
                used.add((place, flag))
                runs = {key for key in commands() if key[1] in told}
            lack = sorted(name for _, name in runs if flag not in commands()[_, name][0])
            if lack:
                wrong.append(f"{place}:{line}: {flag} is none of {', '.join(lack)}: {text}")
    assert wrong == []
    assert used == set(SAID_BY)  # an exception that nothing needs any more
