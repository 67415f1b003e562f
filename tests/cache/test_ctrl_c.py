"""The first Ctrl-C interrupts; those that follow at once do not; asyncio's work is cancelled."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from langseg.cache import ctrl_c
from langseg.cache.ctrl_c import one_ctrl_c, run_async


def press() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def _heeded() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_second_press__changes_nothing_before_patience_is_over(monkeypatch: pytest.MonkeyPatch):
    with one_ctrl_c() as handler:
        with pytest.raises(KeyboardInterrupt):
            press()
        press()
        assert handler.pressed
        monkeypatch.setattr(ctrl_c, "PATIENCE_S", 0.0)
        with pytest.raises(KeyboardInterrupt):
            press()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("ruled", [True, False])
def test_work__is_cancelled_and_finishes_what_it_has_in_hand(ruled: bool):
    finished = []

    async def work() -> None:
        try:
            press()
            finished.append("what was in hand")
            await asyncio.sleep(30)
        finally:
            press() if ruled else None
            await asyncio.sleep(0)
            finished.append("what comes last")

    def run() -> None:
        with pytest.raises(KeyboardInterrupt):
            run_async(work())

    if ruled:
        with one_ctrl_c():
            run()
    else:
        run()
    assert finished == ["what was in hand", "what comes last"]


def test_work__that_is_cancelled_by_itself_is_not_interrupted():
    async def work() -> None:
        raise asyncio.CancelledError

    with one_ctrl_c(), pytest.raises(asyncio.CancelledError):
        run_async(work())


class Interrupted:
    def __del__(self) -> None:
        press()


def test_press_within_a_destructor__interrupts_all_the_same():
    def destroy_and_wait() -> None:
        Interrupted()
        time.sleep(30)

    with one_ctrl_c(), pytest.raises(KeyboardInterrupt):
        destroy_and_wait()


def test_job_in_the_background__goes_on_ignoring_it():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with one_ctrl_c() as handler:
        press()
        assert not handler.pressed


def test_work__is_done_where_a_loop_runs_already_as_in_a_notebook():
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    async def cell() -> str:
        return run_async(work())

    assert asyncio.run(cell()) == "done"


def test_work__in_a_notebook_is_cancelled_by_an_interrupt():
    finished = []

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            finished.append("what was in hand")

    async def cell() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a notebook's kernel
        main = threading.main_thread().ident
        threading.Timer(0.2, signal.pthread_kill, [main, signal.SIGINT]).start()
        run_async(work())

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(cell())
    assert finished == ["what was in hand"]
