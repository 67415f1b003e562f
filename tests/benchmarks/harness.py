"""What the benchmarks share: the server as a process, ``langseg-desc generate`` as one, tables.

In:  a command, a latency, a number of made-up classes.
Out: seconds, CPU seconds and peak memory of a child process, and what the server saw of it.

Everything is measured from outside, in the same way for every contender.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import ProxyHandler, build_opener

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
MODEL = "bench-model"
BUDGET_REACHED = 6  # exit code
_NO_PROXY = build_opener(ProxyHandler({}))
_START_S = 10.0


@dataclass(frozen=True)
class Ended:
    """A child process that is over. ``peak_mb`` is the resident peak of its largest process, and
    ``cpu_s`` user and system time with those of the processes that it waited for."""

    started: float  # time.monotonic, as all times here
    ended: float
    cpu_s: float
    peak_mb: float
    code: int
    stdout: str
    stderr: str

    @property
    def wall_s(self) -> float:
        return self.ended - self.started


class Server:
    """A running ``latency_server.py``."""

    def __init__(self, url: str) -> None:
        self.url = url + "/v1"
        self._root = url

    def reset(self) -> None:
        self._get("/reset")

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self._get("/stats")
        return found

    def _get(self, path: str) -> Any:
        with _NO_PROXY.open(self._root + path, timeout=30) as reply:
            return json.load(reply)


@contextmanager
def serving(folder: Path, latency_ms: float, record: Path | None = None) -> Iterator[Server]:
    """A server of its own, in a process of its own."""
    port_file = folder / "port"
    port_file.unlink(missing_ok=True)
    command = [sys.executable, str(FOLDER / "latency_server.py"), f"--port-file={port_file}"]
    command += [f"--latency-ms={latency_ms}"] + ([f"--record={record}"] if record else [])
    with subprocess.Popen(command) as process:
        try:
            give_up = time.monotonic() + _START_S
            while not port_file.exists():
                if process.poll() is not None or time.monotonic() > give_up:
                    raise RuntimeError("the latency server did not start")
                time.sleep(0.01)
            yield Server(f"http://127.0.0.1:{port_file.read_text()}")
        finally:
            process.kill()


def run(command: Sequence[str], scratch: Path, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end, and say what it used; its output goes through files.

    A child's peak counts from the memory this process has when it starts it, so whatever needs
    much memory here runs in a child, too.
    """
    own = {**os.environ, "NO_PROXY": "127.0.0.1", "OPENAI_API_KEY": "none", **(env or {})}
    out, err = scratch / "stdout", scratch / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=own)
        _, status, used = os.wait4(process.pid, 0)
        ended = time.monotonic()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(
        started=started,
        ended=ended,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_mb=used.ru_maxrss / 1024,  # Linux counts in KiB
        code=process.returncode,
        stdout=out.read_text(errors="replace"),
        stderr=err.read_text(errors="replace"),
    )


def generate_command(url: str, classes: Path, store: Path, *flags: str) -> list[str]:
    """``langseg-desc generate``, of this very environment."""
    return desc_command("generate", classes, store, f"--base-url={url}", *flags)


def desc_command(verb: str, classes: Path, store: Path, *flags: str) -> list[str]:
    """``langseg-desc generate`` or ``plan``, for a model behind a server."""
    command = [sys.executable, "-m", "langseg.pipelines.cli.desc", verb, "--json"]
    command += ["--provider=openai", f"--model={MODEL}", f"--classes={classes}"]
    return [*command, f"--store={store}", *flags]


def profiled(command: Sequence[str], to: Path) -> list[str]:
    """The same Python command with its profile left in a file (``python -m pstats FILE``)."""
    return [command[0], "-m", "cProfile", "-o", str(to), *command[1:]]


def class_list(path: Path, count: int) -> Path:
    """``object 1`` to ``object <count>``, one a line."""
    path.write_text("".join(f"object {number}\n" for number in range(1, count + 1)))
    return path


def report(ended: Ended, *codes: int) -> dict[str, Any]:
    """The JSON that ``generate`` printed. Raises: RuntimeError, for any other exit code."""
    if ended.code not in (codes or (0,)):
        raise RuntimeError(f"exit code {ended.code}: {ended.stderr[-2000:]}")
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {}


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, least and most."""
    low, mid, high = min(values), median(values), max(values)
    return f"{mid:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def show(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Print rows of the same keys as a Markdown table."""
    names = list(rows[0])
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in names]
    print(f"\n{title}\n")
    for cells in (names, ["-" * width for width in widths], *([*row.values()] for row in rows)):
        print("| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |")
    sys.stdout.flush()


def machine() -> str:
    """What this ran on, without names."""
    load = os.getloadavg()[0]
    python = platform.python_version()
    return f"{os.cpu_count()} CPU cores, Python {python}, load average {load:.1f} at the start"
