"""A text encoder that is a server, from the command line: encode and arms ask, the others read."""

from pathlib import Path

import numpy as np
import pytest

from langseg.cache.bank.load_save import load_bank
from tests.support.embeddings import vector
from tests.support.openai_server import OpenAIServer

DESC = "langseg-desc"
NAME = "openai:far"


@pytest.fixture
def flags(call, tmp_path: Path) -> list[object]:
    """Three classes with descriptors, and no vector."""
    (tmp_path / "mine.txt").write_text("wall\nsky\nbed\n")
    given = ["--classes", tmp_path / "mine.txt", "--store", tmp_path / "store"]
    assert call(DESC, "generate", *given).code == 0
    return given


@pytest.mark.slow
def test_commands__ask_the_server_once_and_read_its_vectors_afterwards(call, flags):
    encoder = ["--encoder", NAME]
    with OpenAIServer() as server:
        done = call(DESC, "encode", *flags, *encoder, "--base-url", server.base_url, "--json")
        n_asked = len(server.bodies)
        assert done.code == 0
        assert done.json["embedded"] == done.json["texts"] > 30
        assert (done.json["truncated"], done.json["recovered"]) == (None, 0)
        assert f"{done.json['tokens']} tokens used" in done.json["sentence"]
        assert f"--encoder {NAME}" in done.json["sentence"]
        again = call(DESC, "encode", *flags, *encoder, "--base-url", server.base_url, "--json")
        assert (again.json["embedded"], len(server.bodies)) == (0, n_asked)
    # the server is gone
    folder = call(DESC, "bank", *flags, *encoder).out.strip()
    bank = load_bank(Path(folder))
    row = np.array(vector(bank.texts[0][0]))
    np.testing.assert_allclose(bank.emb[0][0], row / np.linalg.norm(row), atol=1e-3)
    audit = call(DESC, "audit", *flags, *encoder, "--json").json["quality"]
    assert audit["encoder"] == bank.encoder_id
    assert "truncated" in audit["not_measured"]  # no server tells
    answers = call(DESC, "audit", *flags, "--question", "encoders", "--json").json["answers"]
    (row_of_encoder,) = answers[0]["rows"]
    assert row_of_encoder[2:4] == [None, None]
    vectors = call(DESC, "show", *flags[2:], "wall", "--json").json["vectors"]
    assert vectors[0]["truncated"] is None


@pytest.mark.slow
def test_arms__ask_for_what_is_missing(call, flags):
    with OpenAIServer() as server:
        place = ["--encoder", NAME, "--base-url", server.base_url]
        call(DESC, "encode", *flags, *place)
        report = call(DESC, "arms", *flags, *place, "--json").json
        assert report["embedded"] > 0
        assert report["truncated"] is None
        texts = [text for body in server.bodies[1:] for text in body["input"]]
    assert len(texts) == len(set(texts))  # none of them twice; and a probe, once a run


@pytest.mark.slow
def test_differential__reads_the_vectors_that_encode_asked_for(call, flags):
    differential = ["generate", *flags, "--encoder", NAME, "--differential", "--provider", "openai"]
    with OpenAIServer() as server:
        asking = [*differential, "--model", "m", "--base-url", server.base_url]
        refused = call(DESC, *asking)
        assert refused.code == 2
        assert f"then `langseg-desc encode --encoder {NAME}`" in refused.err
        assert server.bodies == []
        call(DESC, "encode", *flags, "--encoder", NAME, "--base-url", server.base_url)
        n_asked = len(server.bodies)
        assert call(DESC, *asking).code == 0
        assert all("messages" in body for body in server.bodies[n_asked:])


def test_encode__that_a_server_refuses_ends_with_5_and_goes_on(call, flags):
    place = ["--encoder", NAME, "--base-url"]
    with OpenAIServer(nth={1: "no_credit"}) as server:
        failed = call(DESC, "encode", *flags, *place, server.base_url)
        assert failed.code == 5
        assert "add credit" in failed.err
        assert failed.err.count("\n") == 1
        assert call(DESC, "encode", *flags, *place, server.base_url).code == 0


def test_base_url__without_a_servers_name_is_refused(call, flags):
    done = call(DESC, "encode", *flags, "--base-url", "http://127.0.0.1:9/v1")
    assert done.code == 2
    assert "--base-url would do nothing" in done.err
