"""The command line when the server, the network, the budget, the disk or another writer says no."""

import errno
import os
import resource
import socket
import stat
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from langseg.cache.store.journal import journal_names, journal_path, read_journal
from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine
from langseg.descriptors.openai_api import reception
from langseg.descriptors.providers import budget
from langseg.pipelines.shared import progress
from tests.support.forward_proxy import ForwardProxy
from tests.support.openai_server import OpenAIServer, asked_about
from tests.support.program import arguments_of, environment, run_program
from tests.support.until import PATIENCE_S, until

pytestmark = pytest.mark.slow

DESC = "langseg-desc"
NAMES = tuple(f"object {number}" for number in range(6))


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key, no proxy, and retries at once."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none-0123")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(reception, "_jitter", lambda: 0.0)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def flags(store: Path, base_url: str, names: tuple[str, ...] = NAMES) -> list[object]:
    classes = store.with_name(f"{len(names)}.txt")
    classes.write_text("\n".join(names))
    hosted = ["--provider", "openai", "--model", "m", "--base-url", base_url]
    return ["generate", "--classes", classes, "--store", store, *hosted]


def answered(store: Path) -> Counter[str]:
    """Class name -> accepted answers in the store."""
    opened = Store.open(store)
    assert examine(opened.path).problems == []
    responses = opened.table("responses").to_pylist()
    ok = Counter(row["request_key"] for row in responses if row["status"] == "ok")
    rows = opened.table("requests").to_pylist()
    names = {row["request_key"]: row["class_name"] for row in rows}
    return Counter({names[key]: count for key, count in ok.items()})


# The server and the network


@pytest.mark.parametrize(
    ("behaviour", "advice"),
    [
        ("unauthorised", "set OPENAI_API_KEY to a key that this server accepts"),
        ("no_credit", "add credit to the account"),
        ("no_model", "check the model's name"),
    ],
)
def test_account_at_fault__costs_exactly_one_request_and_ends_with_5(
    call, store: Path, behaviour: str, advice: str
):
    with OpenAIServer(always=behaviour) as server:
        done = call(DESC, *flags(store, server.base_url))
    assert (done.code, len(server.bodies)) == (5, 1)
    assert advice in done.err
    assert "Traceback" not in done.err
    assert answered(store) == {}


def test_credit_that_ends_in_the_middle__keeps_what_came_and_goes_on_when_there_is_more(
    call, store: Path
):
    with OpenAIServer(nth=dict.fromkeys(range(2), "good"), always="no_credit") as server:
        done = call(DESC, *flags(store, server.base_url), "--concurrency", "1")
        assert (done.code, len(server.bodies)) == (5, 3)
        assert len(answered(store)) == 2
        server.always = "good"
        assert call(DESC, *flags(store, server.base_url)).code == 0
    assert len(server.bodies) == 3 + len(NAMES) - 2
    assert answered(store) == dict.fromkeys(NAMES, 1)


def test_storm_of_500s__is_sat_out_a_bounded_time_then_the_next_run_asks_only_for_the_rest(
    call, store: Path
):
    with OpenAIServer(nth=dict.fromkeys(range(2), "good"), always="status:500") as server:
        done = call(DESC, *flags(store, server.base_url), "--concurrency", "1")
        assert (done.code, len(server.bodies)) == (5, 2 + 8 * (len(NAMES) - 2))
        assert "4 without a usable answer: object 2," in done.err
        server.always = "good"
        assert call(DESC, *flags(store, server.base_url)).code == 0
    assert answered(store) == dict.fromkeys(NAMES, 1)


def test_host_that_has_no_address__ends_with_5_and_says_what_to_check(
    call, store: Path, monkeypatch: pytest.MonkeyPatch
):
    def unknown(host: object, *_: object, **__: object) -> None:
        looked_up.append(str(host))
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    looked_up: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    done = call(DESC, *flags(store, "http://llm.invalid/v1"))
    assert done.code == 5
    assert 0 < len(looked_up) <= 3
    assert "Name or service not known" in done.err
    assert "check the base URL and the network" in done.err


def test_server_that_speaks_no_tls__ends_with_5_and_says_what_to_check(call, store: Path):
    with OpenAIServer() as server:
        done = call(DESC, *flags(store, server.base_url.replace("http:", "https:")))
    assert (done.code, server.bodies) == (5, [])
    assert "no TLS there" in done.err
    assert "begin the base URL with http://" in done.err


def test_server_behind_a_proxy_that_refuses__ends_with_5_and_names_the_proxy(
    call, store: Path, monkeypatch: pytest.MonkeyPatch
):
    with ForwardProxy(refuses=502) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        done = call(DESC, *flags(store, "http://llm.example:8000/v1"))
    assert done.code == 5
    assert (
        f"got HTTP 502: Corporate proxy; a proxy stands between (http_proxy names {proxy.url[7:]})"
        in done.err
    )
    assert "add llm.example to NO_PROXY" in done.err
    assert len(proxy.asked) == 3


def test_server_whose_day_is_used_up__ends_with_5_at_once_and_keeps_what_was_answered(
    call, store: Path
):
    with OpenAIServer(nth={0: "good", 1: "good"}, always="day_limit") as server:
        done = call(DESC, *flags(store, server.base_url), "--concurrency", 1)
        assert len(server.bodies) == 3
    assert done.code == 5
    assert "got HTTP 429: Rate limit reached for tokens per day (TPD)" in done.err
    assert "come back after " in done.err
    assert sum(answered(store).values()) == 2


def test_server_that_turns_all_away__is_waited_for_and_that_is_told(
    call, store: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.5)
    with OpenAIServer(nth={0: "rate_limit:retry-after=2.2"}) as server:
        done = call(DESC, *flags(store, server.base_url))
    assert done.code == 0
    assert "as HTTP 429: Rate limit reached" in done.err
    assert "generate: 0/6, waits until " in done.err


def test_request_timeout__is_that_of_an_attempt_and_its_advice_names_the_flag(call, store: Path):
    with OpenAIServer(always="hang") as server:
        done = call(DESC, *flags(store, server.base_url), "--request-timeout", 0.4)
    assert done.code == 5
    assert "no reply in time; allow more time with --request-timeout" in done.err


def test_request_timeout__is_for_servers_only(call, store: Path):
    done = call(DESC, "generate", "--dataset", "camvid", "--store", store, "--request-timeout", 9)
    assert done.code == 2
    assert "--request-timeout would do nothing with it" in done.err


# Budgets

PRICES = ("--price-in", "0", "--price-out", "1000")  # a reply of 2048 tokens may cost 2.05


@pytest.mark.parametrize(
    ("cap", "value", "more"),
    [
        ("--max-cost", "3.5", (*PRICES,)),
        ("--max-tokens", "8000", ()),
        ("--max-requests", "3", ()),
        ("--max-minutes", "2.5", ()),
    ],
)
def test_budget__reached_in_the_middle_ends_with_6_keeps_what_came_and_goes_on(
    call, store: Path, monkeypatch: pytest.MonkeyPatch, cap: str, value: str, more: tuple[str, ...]
):
    with OpenAIServer() as server:
        monkeypatch.setattr(budget, "time", MinuteForEachRequest(server))
        asked = flags(store, server.base_url) + ["--concurrency", "2", *more]
        done = call(DESC, *asked, cap, value)
        spent = len(server.bodies)
        assert done.code == 6
        assert f"{cap} is reached after {spent} requests, and {6 - spent} are left" in done.err
        assert "run the same command again" in done.err
        assert 0 < spent < len(NAMES)
        assert sum(answered(store).values()) == spent
        rest = call(DESC, *asked, "--json")
    assert rest.json["asked"] == len(NAMES) - spent
    assert len(server.bodies) == len(NAMES)
    assert answered(store) == dict.fromkeys(NAMES, 1)


class MinuteForEachRequest:
    """A clock that a server winds: no machine is too slow for it."""

    def __init__(self, server: OpenAIServer) -> None:
        self._server = server

    def monotonic(self) -> float:
        return 60.0 * len(self._server.bodies)


def test_budget__reached_again_and_again_gets_there_in_the_end(call, store: Path):
    codes: list[int] = []
    with OpenAIServer() as server:
        asked = flags(store, server.base_url)
        while not codes or codes[-1] == 6:
            codes.append(call(DESC, *asked, "--max-requests", "2").code)
    assert codes == [6, 6, 0]
    assert len(server.bodies) == len(NAMES)


def test_budget__of_cost_is_never_passed_whatever_was_under_way(call, store: Path):
    most = ("--max-completion-tokens", "400")  # 0.40 set aside for each, of which 0.31 are used
    with OpenAIServer() as server:
        asked = [*flags(store, server.base_url), *PRICES, *most, "--concurrency", "8"]
        assert call(DESC, *asked, "--max-cost", "0.72").code == 6
    costs = Store.open(store).table("responses")["cost_usd"].to_pylist()
    assert len(costs) == len(server.bodies) == 2
    assert 0.5 < sum(costs) <= 0.72


def test_budget__counts_attempts_that_fail(call, store: Path):
    with OpenAIServer(nth={0: "good"}, always="status:500") as server:
        done = call(DESC, *flags(store, server.base_url), "--max-requests", "5")
    assert (done.code, len(server.bodies)) == (6, 5)
    assert sum(answered(store).values()) == 1


# Two writers


@contextmanager
def first_writer(
    server: OpenAIServer, store: Path, at_work: int
) -> Iterator[subprocess.Popen[bytes]]:
    """A run of its own that has journalled answers and waits for the server's next one."""
    asked = arguments_of(*flags(store, server.base_url), "--concurrency", "1")
    with subprocess.Popen(asked, env=environment(), stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: len(server.bodies) > at_work and journalled(store) == at_work)
            yield process
        finally:
            process.kill()


def journalled(store: Path) -> int:
    paths = [journal_path(store, name) for name in journal_names(store)]
    return sum(len(read_journal(path)) for path in paths)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Says how many requests the server may answer."""
    path = tmp_path / "gate"
    open_gate(path, 2)
    return path


def open_gate(gate: Path, requests: int) -> None:
    beside = gate.with_suffix(".tmp")
    beside.write_text(str(requests))
    beside.replace(gate)


def test_second_writer__ends_with_7_names_the_first_and_asks_nothing(call, store, gate):
    with OpenAIServer(gate=gate) as server, first_writer(server, store, at_work=2) as process:
        before = len(server.bodies)
        done = call(DESC, *flags(store, server.base_url))
        assert done.code == 7
        assert f"process {process.pid} on {socket.gethostname()}" in done.err
        assert len(server.bodies) == before
        open_gate(gate, 99)
        assert process.wait(PATIENCE_S) == 0
    assert answered(store) == dict.fromkeys(NAMES, 1)


def test_second_writer__of_a_store_whose_lock_was_removed_by_hand_loses_no_row(call, store, gate):
    others = ("hoverboard", "flux capacitor", *NAMES[3:])
    with (
        OpenAIServer(gate=gate) as server,
        OpenAIServer() as open_server,
        first_writer(server, store, 2) as process,
    ):
        (store / "LOCK").unlink()
        assert call(DESC, *flags(store, open_server.base_url, others)).code == 0
        between = answered(store)
        open_gate(gate, 99)
        assert process.wait(PATIENCE_S) == 0
    assert set(between) == {*others, *NAMES[:2]}  # with the two that the first had journalled
    once, twice = {*NAMES[:3], *others[:2]}, set(NAMES[3:])  # each paid for by both
    assert answered(store) == dict.fromkeys(once, 1) | dict.fromkeys(twice, 2)
    ids = Store.open(store).table("descriptors")["descriptor_id"].to_pylist()
    assert len(ids) == len(set(ids))
    assert journal_names(store) == []
    assert [asked_about(body) for body in server.bodies] == list(NAMES)


# The disk

BUNDLED = ("generate", "--dataset", "ade20k", "--scenes", "none")


def test_disk_that_is_full__ends_with_1_says_where_and_the_next_run_completes(store: Path):
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    full = run_program(*BUNDLED, "--store", store, at_start=small_files)
    assert full.returncode == 1
    assert str(store) in full.stderr
    assert "File too large" in full.stderr
    assert "free some space and run the same command again" in full.stderr
    assert "Traceback" not in full.stderr
    opened = Store.open(store)
    assert examine(opened.path).problems == []
    safe = journalled(store) + len(opened.table("responses"))
    assert 0 < safe < 150
    assert run_program(*BUNDLED, "--store", store).returncode == 0
    assert set(answered(store).values()) == {1}
    assert len(answered(store)) == 150


def test_fsync__that_fails_once_is_not_repeated_on_that_file_and_loses_nothing(
    call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "mine.txt").write_text("wall\nsky\nbed\n")
    kinds: list[str] = [""]  # none fails at first, to see which there are
    for kind in kinds:
        store = tmp_path / f"store-{kinds.index(kind)}"
        asked = ("generate", "--classes", tmp_path / "mine.txt", "--store", store)
        with monkeypatch.context() as patched, ExitStack() as handles:
            disk = FailingDisk(store, kind, handles)
            patched.setattr(os, "fsync", disk.fsync)
            done = call(DESC, *asked)
        assert done.code == (1 if kind else 0)
        assert not kind or str(store) in done.err
        assert disk.repeated == []
        assert examine(Store.open(store, create=True).path).problems == []
        assert call(DESC, *asked).code == 0
        assert answered(store) == {"wall": 1, "sky": 1, "bed": 1}
        if not kind:
            kinds += disk.kinds
    assert {"journal", "requests", "texts", "manifests"} <= set(kinds)


class FailingDisk:
    """The first fsync of a file in the folder ``kind`` of a store fails. It may be tried on no
    such file again: what was written to it may be lost all the same."""

    def __init__(self, store: Path, kind: str, handles: ExitStack) -> None:
        self.kinds: list[str] = []
        self.repeated: list[str] = []
        self._store, self._kind, self._handles, self._real = store, kind, handles, os.fsync
        self._failed = 0

    def fsync(self, handle: int) -> None:
        path, what = Path(os.readlink(f"/proc/self/fd/{handle}")), os.fstat(handle)
        if stat.S_ISREG(what.st_mode):
            kind = path.relative_to(self._store).parts[0] if path.parent != self._store else "."
            if what.st_ino == self._failed:
                self.repeated.append(str(path))
            if kind == self._kind and not self._failed:
                self._failed = what.st_ino
                self._handles.callback(os.close, os.dup(handle))  # or another file gets its number
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            if kind not in self.kinds:
                self.kinds.append(kind)
        self._real(handle)
