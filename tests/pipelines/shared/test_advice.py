"""What helps after an error is said, in words that the command line knows."""

import re

import pytest
from typer.main import get_command

from langseg.cache.errors import InputError, LangSegError, Remedy
from langseg.cache.store.store import Store
from langseg.pipelines.cli.desc import app
from langseg.pipelines.shared.advice import COLLECTED, advised
from langseg.pipelines.shared.console import run

COMMANDS = get_command(app).commands  # type: ignore[attr-defined] # typed as one command
FLAGS = {flag for command in COMMANDS.values() for option in command.params for flag in option.opts}


@pytest.mark.parametrize("remedy", Remedy)
def test_advice__of_every_remedy_names_commands_and_flags_that_exist(remedy):
    what, _, advice = advised(LangSegError("what is wrong", remedy)).partition("; ")
    assert what == "what is wrong"
    commands = set(re.findall("`langseg-desc ([a-z-]+)`", advice))
    flags = set(re.findall("--[a-z-]+", advice))
    assert commands | flags
    assert commands <= set(COMMANDS)
    assert flags <= FLAGS


def test_advice__of_an_error_without_remedy_is_its_sentence():
    assert advised(InputError("what is wrong")) == "what is wrong"


def test_collected__names_a_command_that_exists():
    assert set(re.findall("`langseg-desc ([a-z-]+)`", COLLECTED)) <= set(COMMANDS)


@pytest.mark.parametrize("page", [False, True])
def test_audit__where_no_store_is_says_that_generate_makes_one(call, tmp_path, page):
    flags = ("--html", tmp_path / "page.html") if page else ()
    done = call("langseg-desc", "audit", "--store", tmp_path / "nowhere", *flags)
    assert (done.code, done.out) == (3, "")
    assert "no store is here; `langseg-desc generate` makes one" in done.err
    assert not list(tmp_path.iterdir())


def test_run__of_what_needs_embeddings_that_are_not_there_says_that_encode_makes_them(
    tmp_path, capsys
):
    store = Store.open(tmp_path, create=True)
    with pytest.raises(SystemExit) as ended:
        run(lambda: store.embeddings("tiny"))
    assert ended.value.code == 3
    assert capsys.readouterr().err == (
        f"error: {tmp_path}: wanted embeddings of 'tiny', the store has none; "
        "`langseg-desc encode` makes them\n"
    )
