"""Every command names the set that it takes, and says when the last bank was made of another."""

import json
from pathlib import Path

import pytest

from langseg.cache.bank.load_save import load_bank
from tests.support.openai_server import OpenAIServer

CLASSES = "sofa\nlamp\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none-0123")
    Path("c.txt").write_text(CLASSES)
    return tmp_path


def generate(call, server: OpenAIServer, *flags: object) -> int:
    return call(
        "langseg-desc", "generate", "--classes", "c.txt", "--provider", "openai", "--model", "m",
        "--base-url", server.base_url, *flags,
    ).code  # fmt: skip


@pytest.mark.slow
def test_commands__name_the_set_and_warn_where_the_last_bank_was_of_another(
    call, folder: Path, hash_encoder: str
):
    own = ["--classes", "c.txt", "--encoder", hash_encoder]
    with OpenAIServer() as server:
        assert generate(call, server) == 0
        assert call("langseg-desc", "encode", *own).code == 0
        first = call("langseg-desc", "bank", *own, "--json").json
        assert first["set"]["changed"] == ""
        assert "written by m (10 phrases, 4 subclasses of 2; answered 20" in first["sentence"]
        assert "2 of 2 classes have phrases" in first["sentence"]
        assert generate(call, server, "--attributes", 5) == 0
    for command in ("encode", "audit", "arms", "bank"):
        said = call("langseg-desc", command, *own, "--json").json["sentence"]
        assert "written by m (5 phrases, 4 subclasses of 2;" in said
        if command != "bank":  # `arms` saved it
            assert "; warning: other phrases than in the last bank of c" in said
            assert "by m (10 phrases, 4 subclasses of 2;" in said
            assert str(first["bank"]) in said
    assert load_bank(Path(first["bank"])).askings[0]["counts"]["phrases"] == 10


@pytest.mark.slow
def test_commands__do_not_compare_lists_that_share_no_class(call, folder: Path, hash_encoder: str):
    own = ["--classes", "c.txt", "--encoder", hash_encoder]
    with OpenAIServer() as server:
        for names, counts in ((CLASSES, 10), ("tree\nsky\n", 5)):
            Path("c.txt").write_text(names)
            assert generate(call, server, "--attributes", counts) == 0
            assert call("langseg-desc", "encode", *own).code == 0
            assert call("langseg-desc", "bank", *own, "--json").json["set"]["changed"] == ""


@pytest.mark.slow
def test_commands__say_which_classes_have_only_their_name(call, folder: Path, hash_encoder: str):
    own = ["--classes", "c.txt", "--encoder", hash_encoder]
    with OpenAIServer(about={"lamp": "wrong_type"}) as server:
        assert generate(call, server) == 5
        assert generate(call, server, "--accept-missing") == 0
    for command in ("encode", "bank", "audit", "arms"):
        done = call("langseg-desc", command, *own, "--json")
        assert done.json["set"]["only_names"] == ["lamp"]
        assert "1 of 2 classes have phrases; only their name: lamp" in done.json["sentence"]


@pytest.mark.slow
def test_bank__says_how_many_of_its_scenes_have_phrases_of_their_own(
    call, folder: Path, hash_encoder: str
):
    scenes = {"classes": ["sofa", "lamp"], "scenes": {"den": ["sofa"], "attic": ["lamp"]}}
    Path("c.json").write_text(json.dumps(scenes))
    own = ["--classes", "c.json", "--encoder", hash_encoder]
    asked = ["--provider", "openai", "--model", "m", "--classes", "c.json", "--max-scenes", 1]
    with OpenAIServer() as server:
        call("langseg-desc", "generate", *asked, "--base-url", server.base_url)
    assert call("langseg-desc", "encode", *own).code == 0
    said = call("langseg-desc", "bank", *own).err
    assert "2 scenes, 1 with phrases of their own" in said


@pytest.mark.slow
def test_generate__into_a_new_store_names_one_nearby_that_has_the_answers(
    call, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    notes = []
    with OpenAIServer() as server:
        assert generate(call, server, "--store", folder / "first" / "langseg-store") == 0
        for name, text in (("again", CLASSES), ("others", "tree\n")):
            (folder / name).mkdir()
            monkeypatch.chdir(folder / name)
            Path("c.txt").write_text(text)
            notes.append(
                call(
                    "langseg-desc", "generate", "--classes", "c.txt", "--provider", "openai",
                    "--model", "m", "--base-url", server.base_url, "--store",
                    folder / f"{name}-store",
                ).err
            )  # fmt: skip
    near = folder / "first" / "langseg-store"
    assert f"another is near, {near}, which answers 2 of these requests" in notes[0]
    assert "another is near" not in notes[1]
