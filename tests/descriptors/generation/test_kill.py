"""Kill -9 at random moments: the OpenAI provider, the journal and the store, as one."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from langseg.cache.store.journal import journal_names, journal_path, read_journal
from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine
from langseg.descriptors.generation.run import generate
from langseg.descriptors.openai_api.rate_limits import RateLimits
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.providers.openai.dialect import Dialect
from langseg.descriptors.providers.openai.provider import OpenAIProvider
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.openai_server import content_id
from tests.support.prompts import some_prompt
from tests.support.repository import ROOT
from tests.support.seeds import seeds
from tests.support.until import until

pytestmark = pytest.mark.slow

KILLS, CLASSES, CONCURRENCY = 40, 320, 4
PROMPT = some_prompt(n_attributes=3, n_subclasses=1)
VOCABULARY = Vocabulary(
    name="things",
    classes=tuple(ClassEntry(name=f"object {n}", id=n) for n in range(CLASSES)),
    ignore_ids=(),
    scenes={},
)
PLAN = describe_requests(VOCABULARY, PROMPT, model="m", params={})
CONTENT = {r.request_key: content_id(Dialect().body(r)) for r in PLAN}
FORKER = """
import os, sys
import anyio._backends._asyncio, httpcore2, httpx2, openai  # once, not in every run
from tests.descriptors.generation.test_kill import generate_all
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        generate_all(*line.rstrip().split("\t"))
        os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.parametrize("seed", seeds(7))
def test_generate__killed_at_any_moment_loses_no_answer_and_asks_for_none_twice(tmp_path, seed):
    log, killed, whole = tmp_path / "log", tmp_path / "killed", tmp_path / "whole"
    chance = random.Random(seed)
    safe_at: dict[str, int] = {}  # content -> requests that had been made when it was found safe
    with forker() as run, server(tmp_path, log) as url:
        for kill in range(KILLS):
            more = chance.choice([0, 1, 2, 3, 4, 6, 8])
            before, allowed = len(asked(log)), more + 2 * CONCURRENCY
            if CLASSES - len(safe_at) <= allowed:  # the run would end by itself
                assert kill >= KILLS // 2
                break
            allow(tmp_path, before + allowed)
            pause_s = chance.uniform(0, 0.02 if more else 0.3)  # 0.3: while it starts
            assert run(killed, url, partial(await_requests, log, more, pause_s)) == -signal.SIGKILL
            assert examine(Store.open(killed, create=True).path).problems == []
            now_safe = {CONTENT[key] for key in safe_keys(killed)}
            assert len(set(asked(log)[before:]) - now_safe) <= CONCURRENCY  # under way at the kill
            for content in now_safe:
                safe_at.setdefault(content, len(asked(log)))
        allow(tmp_path, 10 * CLASSES)
        assert run(killed, url) == 0
        contents = asked(log)
        assert run(killed, url) == 0
        assert asked(log) == contents
        assert run(whole, url) == 0

    assert [c for n, c in enumerate(contents) if n >= safe_at.get(c, len(contents))] == []
    assert 20 < len(safe_at) < CLASSES
    assert set(contents) == set(CONTENT.values())
    assert CLASSES < len(contents) <= CLASSES + KILLS * CONCURRENCY
    assert examine(killed).problems == []
    assert made(killed) == made(whole)


def generate_all(path: str, url: str) -> None:
    """What a forked child does."""
    provider = OpenAIProvider(base_url=url, limits=RateLimits(max_concurrency=CONCURRENCY))
    store = Store.open(Path(path), create=True)
    generate([PLAN], provider, store)


@contextmanager
def forker() -> Iterator[Callable[..., int]]:
    """Gives ``run(store, url, wait) -> exit status``: -9, when killed after ``wait()``."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"},
        start_new_session=True,
    ) as process:
        feed, output = process.stdin, process.stdout
        assert feed is not None
        assert output is not None

        def run(store: Path, url: str, wait: Callable[[], None] | None = None) -> int:
            feed.write(f"{store}\t{url}\n")
            child = int(output.readline())
            if wait is not None:
                wait()
                os.kill(child, signal.SIGKILL)  # it cannot be another: it is not waited for yet
            feed.write("wait\n")
            return int(output.readline())

        try:
            yield run
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def server(folder: Path, log: Path) -> Iterator[str]:
    """The server as a program of its own. Gives its base URL."""
    port_file = folder / "port"
    program = ROOT / "tests/support/openai_server.py"
    gate = allow(folder, 0)
    options = [f"--port-file={port_file}", f"--log={log}", f"--gate={gate}", "--delay=0.01"]
    with subprocess.Popen([sys.executable, str(program), *options]) as process:
        try:
            until(port_file.exists, process)
            yield f"http://127.0.0.1:{port_file.read_text()}/v1"
        finally:
            process.kill()


def allow(folder: Path, requests: int) -> Path:
    """Let the server answer that many requests in all: no machine is too fast to be killed."""
    beside, gate = folder / "gate.tmp", folder / "gate"
    beside.write_text(str(requests))
    return beside.replace(gate)


def await_requests(log: Path, more: int, pause_s: float) -> None:
    """Return ``pause_s`` seconds after ``more`` requests were made."""
    enough = len(asked(log)) + more
    until(lambda: len(asked(log)) >= enough)
    time.sleep(pause_s)


def asked(log: Path) -> list[str]:
    """Contents of the requests that were made, in order."""
    return [json.loads(line)["content"] for line in log.read_text().splitlines()]


def safe_keys(path: Path) -> set[str]:
    """Requests whose answer is on disk, in the store or in a journal."""
    rows = (row for name in journal_names(path) for row in read_journal(journal_path(path, name)))
    stored = Store.open(path).table("responses", ("request_key",))["request_key"].to_pylist()
    return {*stored, *(request.request_key for request, _ in rows)}


def made(path: Path) -> dict[str, list[str]]:
    """What a store holds, but for when and in which run it came."""
    store = Store.open(path)
    rows = {name: store.table(name).to_pylist() for name in ("requests", "descriptors", "texts")}
    replies = store.table("responses", ("request_key", "status", "raw_text")).to_pylist()
    return {name: sorted(map(repr, some)) for name, some in {**rows, "responses": replies}.items()}
