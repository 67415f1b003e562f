"""Writers that can be killed, and what a store holds whichever way it came about."""

import json
import subprocess
import sys
from pathlib import Path

from langseg.cache.store.store import Store
from tests.support.repository import ROOT

GONE, SURVIVED = 9, 10  # as in store_worker.py


class Nursery:
    """The process that forks the writers of ``store_worker.py``."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.store_worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(self, job: str, **arguments: object) -> int:
        """Returns: the child's process id."""
        assert self._server.stdin is not None
        asked = json.dumps({"job": job, "arguments": arguments}, default=str)
        self._server.stdin.write(asked + "\n")
        self._server.stdin.flush()
        return self._read("pid")

    def wait(self) -> int:
        """Returns: how the child ended; negative for a signal."""
        return self._read("exit")

    def run(self, job: str, **arguments: object) -> int:
        self.start(job, **arguments)
        return self.wait()

    def close(self) -> None:
        self._server.communicate()

    def _read(self, word: str) -> int:
        assert self._server.stdout is not None
        words = self._server.stdout.readline().split()
        assert words[:1] == [word]
        return int(words[1])


def content(store: Path) -> dict[str, list[str]]:
    """Every row of every table, in an order that does not depend on how it came about."""
    opened = Store.open(store)
    tables = {name: opened.table(name) for name in ("requests", "responses", "texts")}
    tables["descriptors"] = opened.table("descriptors")
    tables |= {name: opened.embeddings(name) for name in opened.encoders()}
    return {name: sorted(map(repr, table.to_pylist())) for name, table in tables.items()}
