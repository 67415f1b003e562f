"""The package that is built is the package on disk, and types are checked on the real folders."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
FOLDERS = ("cache", "descriptors", "pipelines", "segmenter")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def package_of(folder: Path) -> str:
    """What a folder is imported as: ``pipelines/langseg`` is the package itself."""
    parts = folder.relative_to(ROOT).parts
    return ".".join(() if parts == ("pipelines", "langseg") else parts)


def test_every_package_on_disk_is_listed_for_the_wheel():
    on_disk = {
        ".".join(filter(None, ("langseg", package_of(init.parent))))
        for folder in FOLDERS
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == on_disk
    for package, folder in PROJECT["tool"]["setuptools"]["package-dir"].items():
        assert package.removeprefix("langseg").removeprefix(".") == package_of(ROOT / folder)


def test_every_data_file_on_disk_is_matched_for_the_wheel():
    data = PROJECT["tool"]["setuptools"]["package-data"]
    rooms = PROJECT["tool"]["setuptools"]["packages"]
    for folder in FOLDERS:
        listed = {
            path
            for room in rooms
            for pattern in [*data["*"], *data.get(room, [])]
            for path in folder_of(room).glob(pattern)
            if path.is_relative_to(ROOT / folder)
        }
        files = {path for path in (ROOT / folder).rglob("*") if path.is_file()}
        ours = {p for p in files if p.suffix != ".py" and "__pycache__" not in p.parts}
        assert ours == listed


def folder_of(package: str) -> Path:
    """Where the files of a listed package are."""
    *_, name = package.split(".", 1)
    return ROOT / "pipelines/langseg" if package == "langseg" else ROOT.joinpath(*name.split("."))


@pytest.mark.parametrize("folder", FOLDERS)
def test_typing_link__points_at_the_real_folder(folder: str):
    # without the links mypy passes vacuously on one file
    assert (ROOT / ".typing/langseg" / folder).resolve() == ROOT / folder


def test_typing_link__of_the_package_itself_points_at_its_names():
    names = ROOT / "pipelines/langseg/__init__.py"
    assert (ROOT / ".typing/langseg/__init__.py").resolve() == names


def test_version__is_the_newest_in_the_changelog():
    newest = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["project"]["version"] == version("langseg")


def test_constraints__pin_everything_that_is_asked_for_within_its_bounds():
    lines = (ROOT / "constraints.txt").read_text().splitlines()[1:]
    pins = {canonicalize_name(name): pin for name, pin in (line.split("==") for line in lines)}
    assert list(pins) == sorted(pins)
    extras = PROJECT["project"]["optional-dependencies"]
    asked_for = [*PROJECT["project"]["dependencies"], *extras["offline"], *extras["dev"]]
    for wanted in map(Requirement, asked_for):
        if wanted.name != "langseg":
            assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), wanted


@pytest.mark.slow
@pytest.mark.parametrize("command", ["desc", "seg"])
def test_help__loads_nothing_heavy(command: str):
    heavy = ["torch", "timm", "transformers", "openai", "duckdb", "pyarrow", "PIL"]
    code = (
        f"import sys, langseg.pipelines.cli.{command}\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
