"""A server's vectors are asked for once, in whatever form it gives them, and never mixed."""

import base64
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from langseg.cache.errors import CorruptError, InputError, LockedError, UpstreamError, UsageError
from langseg.cache.keys import text_id
from langseg.cache.store.store import Store
from langseg.cache.store.vector_journal import vector_journals
from langseg.cache.upkeep.verify import examine
from langseg.descriptors.encoders import embeddings_server as module
from langseg.descriptors.encoders.embed import EmbedReport, WantedTexts, embed_missing, texts_within
from langseg.descriptors.encoders.embeddings_server import EmbeddingsServer
from langseg.descriptors.encoders.load import load_encoder
from langseg.descriptors.encoders.served import PROBE, open_served
from langseg.descriptors.openai_api import reception
from langseg.descriptors.openai_api.retry import RetryRule
from tests.support.embeddings import DIM, TOO_MANY, vector
from tests.support.openai_server import OpenAIServer

NAME = "openai:far"
TEXTS = [f"{colour} {thing}" for colour in ("red", "blue", "pale") for thing in ("sky", "wall")]
QUICK = RetryRule(backoff_s=0.001, max_rest_s=0.01, timeout_s=5.0, patience_s=2.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RetryRule", lambda: QUICK)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-of-a-test")


def embed(
    store: Store, server: OpenAIServer, texts: list[str] = TEXTS, name: str = NAME
) -> EmbedReport:
    wanted = WantedTexts(len(texts), lambda id_range: texts_within(texts, id_range))
    return embed_missing(
        store, name, wanted, lambda phase, done, total, note: None, server.base_url
    )


def unit(text: str, seed: str = "") -> np.ndarray:
    row = np.array(vector(text, seed))
    return row / np.linalg.norm(row)


def vectors(store: Store, encoder_id: str) -> dict[str, np.ndarray]:
    table = Store.open(store.path).embeddings(encoder_id, ("text_id", "emb"))
    keys = table["text_id"].to_pylist()
    assert len(keys) == len(set(keys))
    return dict(zip(keys, map(np.array, table["emb"].to_pylist()), strict=True))


def asked(server: OpenAIServer) -> Counter[str]:
    """How often each text was asked for, the probe left out."""
    texts = Counter(text for body in server.bodies for text in body["input"])
    return Counter({text: n for text, n in texts.items() if text not in PROBE})


@pytest.mark.parametrize(
    "accent",
    [
        "", "base64_floats", "shuffled", "nested", "bare_list", "no_usage", "strict",
        "no_index", "same_index",  # then each text is asked for alone
        "most=2", "most=1", "shuffled+base64_floats+most=4",
    ],
)  # fmt: skip
def test_embed__reads_the_vectors_of_every_accent(store: Store, accent: str):
    with OpenAIServer(always=f"embeds:{accent}") as server:
        done = embed(store, server)
        assert (done.embedded, done.truncated) == (len(TEXTS), None)
        found = vectors(store, done.record.encoder_id)
        assert set(found) == {text_id(text) for text in TEXTS}
        for text in TEXTS:
            np.testing.assert_allclose(found[text_id(text)], unit(text), atol=1e-3)
        asked_before = len(server.bodies)
        assert embed(store, server).embedded == 0
        assert len(server.bodies) == asked_before
    record = done.record
    assert (record.model, record.dim, record.max_tokens, record.normalised) == (
        NAME,
        DIM,
        None,
        True,
    )
    assert vector_journals(store.path) == []
    assert not examine(store.path).problems


def test_embed__tells_the_tokens_that_the_server_tells(store: Store, tmp_path: Path):
    with OpenAIServer() as server:
        assert embed(store, server).tokens == 2 * (len(TEXTS) + len(PROBE))
    silent = Store.open(tmp_path / "other", create=True)
    with OpenAIServer(always="embeds:no_usage") as server:
        assert embed(silent, server).tokens is None


@pytest.mark.parametrize("words", sorted(TOO_MANY))
def test_embed__keeps_to_the_batch_that_a_server_was_found_to_take(store: Store, words: str):
    texts = [f"thing {number}" for number in range(200)]
    with OpenAIServer(always=f"embeds:most=32+in={words}") as server:
        assert embed(store, server, texts).embedded == 200
    sizes = [len(body["input"]) for body in server.bodies[1:]]
    refused = sum(size > 32 for size in sizes)
    attempts = 3 if words == "vertex" else 1  # which it says to be a fault of its own
    assert refused <= attempts * module.PLACES
    assert sum(size for size in sizes if size <= 32) == len(texts)


@pytest.mark.parametrize("most", [1, 5])
def test_embed__learns_how_few_texts_a_server_takes_from_the_first_batch(store: Store, most: int):
    texts = [f"thing {number}" for number in range(100)]
    with OpenAIServer(always=f"embeds:most={most}") as server:
        assert embed(store, server, texts).embedded == 100
    refused = [len(body["input"]) for body in server.bodies if len(body["input"]) > most]
    assert len(refused) <= {1: 2, 5: 2 + 4}[most]


def test_embed__asks_a_server_that_is_too_slow_for_a_batch_for_fewer_texts(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    impatient = replace(QUICK, timeout_s=0.3)
    monkeypatch.setattr(module, "RetryRule", lambda: impatient)
    with OpenAIServer(nth={1: "hang"}) as server:
        assert embed(store, server).embedded == len(TEXTS)
    assert [len(body["input"]) for body in server.bodies[1:]] == [6, 3, 3]


@pytest.mark.parametrize("limit", ["longest=30", "longest500=30", "bad=endless"])
def test_embed__names_the_one_text_that_a_server_has_no_vector_of_and_keeps_the_others(
    store: Store, limit: str
):
    endless = "an endless corridor of very many words"
    with OpenAIServer(always=f"embeds:{limit}") as server:
        with pytest.raises(UpstreamError, match="none of 'an endless corridor") as caught:
            embed(store, server, [*TEXTS, endless])
        (encoder_id,) = Store.open(store.path).encoders()
        assert set(vectors(store, encoder_id)) == {text_id(text) for text in TEXTS}
        if limit == "longest=30":
            assert "maximum context length is 30" in str(caught.value)
        server.always = "good"
        assert embed(store, server, [*TEXTS, endless]).embedded == 1
    assert max(asked(server)[text] for text in TEXTS) == 1 or limit != "bad=endless"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("embeds:for_each_token", "a vector for each token"),
        ("embeds:zeros", "no vector that can be used"),
        ("embeds:nulls", "no vector that can be used"),
        ("embeds:words", "no vector that can be used"),
        ("html", "no JSON but '<!doctype html>"),
        ("error_200", "upstream provider failed"),
        ("no_model", "does not exist"),
        ("unauthorised", "set OPENAI_API_KEY"),
        ("no_credit", "add credit"),
        ("status:500", "had an error"),
        ("status:400", "had an error"),
    ],
)
def test_embed__of_a_server_that_gives_none_ends_with_what_it_said(
    store: Store, behaviour: str, words: str
):
    with OpenAIServer(always=behaviour) as server, pytest.raises(UpstreamError) as caught:
        embed(store, server)
    assert words in str(caught.value)
    assert "sk-a-key" not in str(caught.value)
    assert store.encoders() == {}


def test_embed__of_no_server_says_so(store: Store):
    with OpenAIServer() as server:
        url = server.base_url
    wanted = WantedTexts(1, lambda id_range: texts_within(["sky"], id_range))
    with pytest.raises(UpstreamError, match="no connection"):
        embed_missing(store, NAME, wanted, lambda phase, done, total, note: None, url)


@pytest.mark.parametrize(
    "fault", ["status:500", "reset", "embeds:one_short", "rate_limit:retry-after=0"]
)
def test_embed__gets_over_a_fault_and_pays_for_each_text_once(store: Store, fault: str):
    texts = [f"thing {number}" for number in range(150)]
    with OpenAIServer(nth={2: fault}) as server:
        assert embed(store, server, texts).embedded == 150
    again = set(server.bodies[2]["input"])
    counts = asked(server)
    assert all(counts[text] == 1 for text in texts if text not in again)
    assert all(counts[text] == 2 for text in again)


def test_embed__that_the_server_fails_keeps_what_came_and_asks_only_for_the_rest(store: Store):
    texts = [f"thing {number}" for number in range(200)]
    with OpenAIServer(nth=dict.fromkeys(range(3, 200), "no_credit")) as server:
        with pytest.raises(UpstreamError, match="what was embedded is kept"):
            embed(store, server, texts)
        (encoder_id,) = Store.open(store.path).encoders()
        kept = vectors(store, encoder_id)
        assert len(kept) == 2 * 64
        server.nth = {}
        before = len(server.bodies)
        assert embed(store, server, texts).embedded == 200 - len(kept)
    later = {text_id(t) for body in server.bodies[before + 1 :] for t in body["input"]}
    assert not later & set(kept)


def test_embed__refuses_another_model_under_the_same_name_unless_it_has_a_name_of_its_own(
    store: Store,
):
    with OpenAIServer() as server:
        first = embed(store, server).record
        server.always = "embeds:seed=2"
        more = [*TEXTS, "a new text"]
        with pytest.raises(CorruptError, match=rf"{first.encoder_id} was made by.*openai:far#2"):
            embed(store, server, more)
        assert set(vectors(store, first.encoder_id)) == {text_id(text) for text in TEXTS}
        second = embed(store, server, more, name=f"{NAME}#2").record
        assert {body["model"] for body in server.bodies} == {"far"}
    assert second.encoder_id != first.encoder_id
    found = vectors(store, second.encoder_id)
    np.testing.assert_allclose(found[text_id(TEXTS[0])], unit(TEXTS[0], "2"), atol=1e-3)


def test_embed__refuses_vectors_of_another_size(store: Store):
    with OpenAIServer(nth={1: "embeds:wide"}) as server:
        with pytest.raises(UpstreamError, match="wanted vectors of 8 numbers, got 9"):
            embed(store, server)
        server.nth, server.always = {}, "embeds:wide"
        with pytest.raises(CorruptError, match="got another under the name 'far'"):
            embed(store, server)


def test_embed__says_what_it_waits_for_until_the_pause_is_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reception, "_TOLD_S", 0.2)
    notes: list[str] = []
    texts = [f"thing {number}" for number in range(200)]
    wanted = WantedTexts(len(texts), lambda id_range: texts_within(texts, id_range))
    with OpenAIServer(nth={3: "rate_limit:retry-after-ms=400"}) as server:
        embed_missing(
            store, NAME, wanted, lambda phase, done, total, note: notes.append(note),
            server.base_url,
        )  # fmt: skip
    said = [note for note in notes if note]
    assert len(said) >= 1
    assert all(note.startswith("waits until ") and "Rate limit reached" in note for note in said)
    assert notes[-1] == ""


def test_embed__of_a_store_that_another_holds_asks_nothing(store: Store):
    with OpenAIServer() as server:
        with Store.open(store.path).writer(), pytest.raises(LockedError):
            embed(store, server)
        assert server.bodies == []


def test_load_encoder__of_a_servers_name_says_which_command_asks():
    with pytest.raises(UsageError, match="only `langseg-desc encode` and `arms` ask a server"):
        load_encoder(NAME)


@pytest.mark.parametrize("name", ["openai:", "openai:#2", "openai:far#"])
def test_open__wants_a_models_name(name: str):
    with pytest.raises(InputError, match="wanted openai:MODEL"):
        open_served(name, "http://127.0.0.1:9/v1", None)


def test_server__never_shows_the_key():
    assert "sk-a-key" not in repr(EmbeddingsServer("far", "http://127.0.0.1:9/v1"))


KILLED = """
import sys
from pathlib import Path
from langseg.cache.store.store import Store
from langseg.descriptors.encoders.embed import WantedTexts, embed_missing, texts_within
texts = [f"thing {number}" for number in range(200)]
wanted = WantedTexts(len(texts), lambda id_range: texts_within(texts, id_range))
store = Store.open(Path(sys.argv[1]))
embed_missing(store, "openai:far", wanted, lambda *told: None, sys.argv[2])
"""


@pytest.mark.slow
def test_embed__killed_between_reply_and_commit_pays_for_no_text_twice(store: Store):
    texts = [f"thing {number}" for number in range(200)]
    with OpenAIServer(nth=dict.fromkeys(range(3, 9), "hang")) as server:
        command = [sys.executable, "-c", KILLED, str(store.path), server.base_url]
        with subprocess.Popen(command) as child:
            until = time.monotonic() + 60
            while len(server.bodies) < 5 and time.monotonic() < until:
                time.sleep(0.02)
            lines: list[bytes] = []
            while len(lines) < 2 and time.monotonic() < until:
                files = [path.read_bytes() for path in vector_journals(store.path)]
                lines = [line for data in files for line in data.splitlines()]
                time.sleep(0.02)
            child.send_signal(signal.SIGKILL)
        kept = {text for line in lines for text in json.loads(line)["texts"]}
        assert len(kept) == 2 * 64
        assert Store.open(store.path).manifest.embeddings == {}  # nothing was committed yet
        server.nth = {}
        before = len(server.bodies)
        done = embed(store, server, texts)
        assert (done.recovered, done.embedded) == (128, 72)
        again = [text for body in server.bodies[before + 1 :] for text in body["input"]]
    assert sorted([*kept, *again]) == sorted(texts)
    found = vectors(store, done.record.encoder_id)
    assert set(found) == {text_id(text) for text in texts}
    for text in texts:
        np.testing.assert_allclose(found[text_id(text)], unit(text), atol=1e-3)
    assert len(Store.open(store.path).encoders()) == 1
    assert vector_journals(store.path) == []
    assert not examine(store.path).problems


def test_probe__is_kept_in_the_record(store: Store):
    with OpenAIServer() as server:
        record = embed(store, server).record
        assert server.bodies[0] == {"model": "far", "input": list(PROBE)}
    rows = np.frombuffer(base64.b64decode(record.probe), "<f2").reshape(len(PROBE), DIM)
    np.testing.assert_allclose(rows, [unit(text) for text in PROBE], atol=1e-3)
