"""Every kind of malformed reply is recorded, asked for again a bounded number of times, and kept
from being half a list; it never ends the run, and ``--only-failed`` gives it another chance."""

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine
from tests.support.openai_server import OpenAIServer, asked_about
from tests.support.program import AT_ONCE, run_program

pytestmark = pytest.mark.slow

ATTRIBUTES, ATTEMPTS, LIMIT = 8, 8, 512
KINDS = {  # behaviour -> status in the store, requests in all, words of the reason
    "good": ("ok", 1, ""),
    "fenced": ("ok", 1, ""),
    "decoded": ("ok", 1, ""),
    "extra_keys": ("ok", 1, ""),
    "ten_thousand": ("ok", 1, ""),
    "no_usage": ("ok", 1, ""),
    "called_cut": ("ok", 1, ""),
    "refusal": ("refused", 2, "got a refusal of the model's"),
    "filtered": ("refused", 2, "content filter"),
    "blank": ("empty", 2, "got one without text"),
    "length": ("truncated", 3, "cut at the token limit"),
    "wrong_type": ("invalid", 2, "no list 'attributes'"),
    "duplicates": ("invalid", 2, "1 of 8 phrases accepted; dropped: duplicate 7"),
    "empty_strings": ("invalid", 2, "too_short 8"),
    "few": ("invalid", 2, "2 of 8 phrases accepted"),
    "hostile": ("invalid", 2, "hostile 8"),
    "foreign:german": ("invalid", 2, "not_english"),
    "foreign:japanese": ("invalid", 2, "not_english 8"),
    "huge": ("invalid", 2, "10000000 characters"),
    "html": ("failed", ATTEMPTS, "Sign in to the Wi-Fi"),
    "no_choices": ("failed", ATTEMPTS, "a choice in it"),
    "breaks_off": ("failed", ATTEMPTS, "Upstream idle timeout"),
}
CLASS_OF = {kind: f"object {number}" for number, kind in enumerate(KINDS)}
UNUSABLE = {kind for kind, (status, _, _) in KINDS.items() if status != "ok"}


@dataclass(frozen=True)
class Ran:
    """One run of the command line, and what it asked."""

    code: int
    stderr: str
    bodies: list[dict[str, Any]]

    @property
    def asked(self) -> dict[str, int]:
        """Kind of reply that a class gets at first -> requests about it."""
        about = Counter(asked_about(body) for body in self.bodies)
        return {kind: about[name] for kind, name in CLASS_OF.items() if about[name]}


def generate(folder: Path, *flags: str, about: dict[str, str] | None = None) -> Ran:
    (folder / "mine.txt").write_text("\n".join(CLASS_OF.values()))
    with OpenAIServer(about=about) as server:
        done = run_program(
            "generate", "--provider", "openai", "--model", "m", "--base-url", server.base_url,
            "--classes", folder / "mine.txt", "--store", folder / "store", "--attributes",
            ATTRIBUTES, "--max-completion-tokens", LIMIT, *flags, before=AT_ONCE,
        )  # fmt: skip
    assert "Traceback" not in done.stderr
    return Ran(done.returncode, done.stderr, server.bodies)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tmp_path_factory.mktemp("replies"))


@pytest.fixture(scope="module")
def first(folder: Path) -> Ran:
    """A run in which each class gets a kind of reply of its own, whenever it is asked about."""
    return generate(folder, about={name: kind for kind, name in CLASS_OF.items()})


@pytest.fixture(scope="module")
def responses(first: Ran, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Kind -> its rows in the store, in the order in which they came."""
    store = Store.open(folder / "store")
    kind_of = {name: kind for kind, name in CLASS_OF.items()}
    rows = store.table("requests").to_pylist()
    key_kinds = {row["request_key"]: kind_of[row["class_name"]] for row in rows}
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for row in store.table("responses").to_pylist():
        found[key_kinds[row["request_key"]]].append(row)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_reply__is_recorded_with_its_status_and_the_reason(responses, kind: str):
    status, asked, reason = KINDS[kind]
    assert {row["status"] for row in responses[kind]} == {status}
    assert all(reason in row["error"] for row in responses[kind])
    assert all(bool(row["error"]) == (status != "ok") for row in responses[kind])
    assert all(row["error"].isprintable() and len(row["error"]) < 500 for row in responses[kind])
    assert len(responses[kind]) == (1 if status == "failed" else asked)


def test_reply__is_asked_for_again_a_bounded_number_of_times(first: Ran):
    assert first.asked == {kind: asked for kind, (_, asked, _) in KINDS.items()}


def test_cut_reply__is_asked_for_again_with_a_longer_limit_only(first: Ran):
    cut = [body for body in first.bodies if asked_about(body) == CLASS_OF["length"]]
    assert [body["max_completion_tokens"] for body in cut] == [LIMIT, 2 * LIMIT, 4 * LIMIT]
    others = [body for body in first.bodies if asked_about(body) != CLASS_OF["length"]]
    assert {body["max_completion_tokens"] for body in others} == {LIMIT}


def test_reply_that_is_malformed__does_not_end_the_run(first: Ran):
    assert first.code == 5
    in_vain = sum(status != "ok" for status, _, _ in KINDS.values())
    assert f"{in_vain} without a usable answer: " in first.stderr
    assert "3 failed" in first.stderr


def test_reply__yields_its_whole_list_or_nothing(responses, folder: Path):
    rows = Store.open(folder / "store").table("descriptors").to_pylist()
    counts = Counter(
        row["request_key"] for row in rows if not row["rejected"] and not row["subclass"]
    )
    usable = {kind: responses[kind][0]["request_key"] for kind in set(KINDS) - UNUSABLE}
    assert counts == dict.fromkeys(usable.values(), ATTRIBUTES)
    assert {row["request_key"] for row in rows} == set(usable.values())


def test_store__is_whole_and_holds_no_character_that_acts(first: Ran, folder: Path):
    store = Store.open(folder / "store")
    assert examine(store.path).problems == []
    assert all(text.isprintable() for text in store.table("texts")["text"].to_pylist())


def test_next_run__asks_only_for_what_got_no_answer_at_all(first: Ran, folder: Path):
    again = copy_of(folder, "again")
    assert set(generate(again).asked) == {"html", "no_choices", "breaks_off"}


def test_only_failed__asks_for_every_unusable_one_and_for_no_other(first: Ran, folder: Path):
    mended = copy_of(folder, "mended")
    second = generate(mended, "--only-failed")
    assert second.code == 0
    assert second.asked == dict.fromkeys(UNUSABLE, 1)
    (longer,) = [body for body in second.bodies if asked_about(body) == CLASS_OF["length"]]
    assert longer["max_completion_tokens"] == 8 * LIMIT
    table = Store.open(mended / "store").table("responses").to_pylist()
    assert Counter(row["status"] for row in table)["ok"] == len(KINDS)
    assert generate(mended).asked == {}


def test_only_failed__asks_again_a_bounded_number_of_times(first: Ran, folder: Path):
    stubborn = copy_of(folder, "stubborn")
    about = {name: kind for kind, name in CLASS_OF.items() if kind in UNUSABLE - {"huge"}}
    second = generate(stubborn, "--only-failed", about=about)
    bounds = {kind: 2 if kind == "length" else KINDS[kind][1] for kind in UNUSABLE}
    assert second.asked == {**bounds, "huge": 1}


def copy_of(folder: Path, name: str) -> Path:
    there = folder / name
    shutil.copytree(folder / "store", there / "store")
    return there
