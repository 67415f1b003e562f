"""Tests lie where what they test lies, and what two of them need lies in `tests/support`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.repository import ROOT

TESTS = ROOT / "tests"
FOLDERS = ("cache", "descriptors", "pipelines", "segmenter")
MODULES = sorted(TESTS.rglob("*.py"))
OF_ROOMS = [path for path in MODULES if path.relative_to(TESTS).parts[0] in FOLDERS]


def imported_by(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_no_module_imports_from_a_module_of_tests():
    guests = {
        str(module.relative_to(ROOT)): name
        for module in MODULES
        for name in imported_by(module)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    }
    assert guests == {}


def test_every_test_lies_in_a_room_that_exists():
    rooms = {path.parent.relative_to(TESTS) for path in OF_ROOMS}
    assert {room for room in rooms if not (ROOT / room / "__init__.py").exists()} == set()


def test_tests_that_are_of_no_room__are_few():
    beside = {path.relative_to(TESTS).parts[0] for path in MODULES} - set(FOLDERS)
    files = {"conftest.py", "test_house.py", "test_packaging.py"}
    assert beside == {"benchmarks", "fuzz", "support", *files}


def test_rooms_of_tests__hold_tests_and_their_fixtures_alone():
    names = {path.name for path in OF_ROOMS}
    assert {n for n in names if not n.startswith("test_") and n != "conftest.py"} == set()


def test_readme__is_read_in_ten_minutes_and_links_to_pages_that_exist():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) <= 1500
    pages = re.findall(r"\]\((?!http|#)([^)]+)\)", text)
    assert {page for page in pages if not (ROOT / page).exists()} == set()


def test_map_of_the_code__names_every_room_and_no_other():
    tree = (
        (ROOT / "docs" / "code.md").read_text().partition("## Where things are")[2].split("```")[1]
    )
    named: dict[str, set[str]] = {}
    for line in filter(str.strip, tree.splitlines()):
        names, _, _ = line.strip().partition("   ")
        if not line.startswith(" "):
            folder = line.partition("/")[0]
            named[folder] = set()
        elif folder in FOLDERS:
            named[folder] |= {name.rstrip("/") for name in names.split()}
    for folder in FOLDERS:
        rooms = {room.parent.name for room in (ROOT / folder).glob("*/__init__.py")}
        assert {name for name in named[folder] if (ROOT / folder / name).exists()} == named[folder]
        assert rooms - named[folder] == set()
