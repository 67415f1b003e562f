"""A run on a real engine, ended by all that ends runs: no answer is lost, no process is left."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from langseg.cache.store.journal import journal_names, journal_path, read_journal
from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine
from langseg.descriptors.generation.run import generate
from langseg.descriptors.providers.vllm.provider import VLLMProvider
from tests.support.repository import ROOT
from tests.support.tiny_llama import ENGINE
from tests.support.until import until
from tests.support.vllm_generate_run import CHUNK, THINGS, plan

pytest.importorskip("vllm", reason="vLLM is not installed; .ci/vllm tests it")
pytestmark = pytest.mark.filterwarnings("default")  # vLLM's own are many


def test_generate__killed_or_interrupted_loses_no_answer_and_leaves_no_process(tmp_path, model):
    folder = tmp_path / "store"
    after: set[str] = set()
    for end, code in ((os.kill, signal.SIGKILL), (os.killpg, signal.SIGINT)):
        before, run = after, started(model, folder)
        until(partial(has_grown, folder, len(before) + 2 * CHUNK), run)
        end(run.pid, code)  # a kill hits one process, Ctrl-C all that a terminal runs
        after = safe(folder)
        run.wait(60)
        until(partial(group_is_gone, run.pid))
        assert len(before) < len(after) < THINGS
        assert before | after <= safe(folder)

    processes = multiprocessing.active_children()
    store = Store.open(folder)
    provider = VLLMProvider(model, engine=ENGINE)
    report = generate([plan(model)], provider, store)
    assert multiprocessing.active_children() == processes
    assert report.statuses == {"ok": report.asked}
    assert 0 < report.asked <= THINGS - len(after)
    assert report.still_open == 0
    assert "of the prompt tokens were in the prefix cache" in provider.note
    assert Counter(answered(store)) == Counter(request.request_key for request in plan(model))
    assert examine(store.path).problems == []


def started(model: str, folder: Path) -> "subprocess.Popen[bytes]":
    """A run that leads a group of its own, as a terminal starts it."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "tests/support/vllm_generate_run.py"), model, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


def safe(folder: Path) -> set[str]:
    """Keys of the answers that are on disk, in the store or in a journal.

    Ctrl-C may end the engine before its run, which then notes failures: these are no answers.
    """
    if not folder.exists():
        return set()
    journals = [journal_path(folder, name) for name in journal_names(folder)]
    rows = [row for journal in journals for row in read_journal(journal)]
    noted = (request.request_key for request, response in rows if response.status == "ok")
    return {*answered(Store.open(folder, create=True)), *noted}


def answered(store: Store) -> list[str]:
    rows = store.table("responses", ("request_key", "status")).to_pylist()
    return [row["request_key"] for row in rows if row["status"] == "ok"]


def has_grown(folder: Path, answers: int) -> bool:
    return len(safe(folder)) >= answers


def group_is_gone(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return True
    return False
