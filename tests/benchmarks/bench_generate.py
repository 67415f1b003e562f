"""Throughput of ``langseg-desc generate``, beside a bare client and beside the peers.

In:  a number of made-up classes, a latency, a concurrency; the peers, where ``peer_env`` ran.
Out: a table of medians, and how many times as fast as each other contender ``generate`` is.

Every contender is a process of its own and sends the same bodies, which a first run of
``generate`` left behind, to the same server. They take turns, in another order each round, and
start with nothing cached. A contender's seconds run from its first request at the server to its
own end: planning that comes before (``generate``), loading (the others) and imports are not
among them; journal, validation, store and data set are. The whole process is shown beside it.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.harness import (
    FOLDER,
    ROOT,
    Ended,
    Server,
    class_list,
    generate_command,
    machine,
    report,
    run,
    serving,
    show,
    spread,
)

OURS = "langseg-desc generate"
BARE = "AsyncOpenAI + semaphore"
BARE_RAW = "the same, SDK models passed by"


@dataclass(frozen=True)
class Contender:
    """Who asks. ``command`` gets an empty folder; ``done`` counts usable replies."""

    name: str
    command: Callable[[str, Path], list[str]]
    done: Callable[[Mapping[str, Any]], int]


@dataclass(frozen=True)
class Round:
    """One run of one contender."""

    ended: Ended
    stats: Mapping[str, Any]

    @property
    def rate(self) -> float:
        """Requests a second, from the first at the server to the process's end."""
        asking_s: float = self.ended.ended - self.stats["first_arrival"]
        return float(self.stats["requests"] / asking_s)

    @property
    def window_rate(self) -> float:
        """Requests a second, from the first request to the last reply."""
        stats = self.stats
        return float(stats["requests"] / (stats["last_reply"] - stats["first_arrival"]))

    @property
    def server_share(self) -> float:
        """Part of a core that the server needed meanwhile."""
        return float(self.stats["cpu_s"] / (self.stats["last_reply"] - self.stats["first_arrival"]))


def contenders(classes: Path, bodies: Path, concurrency: int) -> list[Contender]:
    """Those that can run here."""
    at_once = f"--concurrency={concurrency}"

    def client(python: Path | str, script: str, *flags: str) -> Callable[[str, Path], list[str]]:
        def command(url: str, scratch: Path) -> list[str]:
            arguments = [f"--base-url={url}", f"--bodies={bodies}", at_once]
            own = [flag.replace("SCRATCH", str(scratch)) for flag in flags]
            return [str(python), str(FOLDER / script), *arguments, *own]

        return command

    def parsed(summary: Mapping[str, Any]) -> int:
        return int(summary["parsed"])

    found = [
        Contender(
            OURS,
            lambda url, scratch: generate_command(url, classes, scratch / "store", at_once),
            lambda summary: int(summary["statuses"]["ok"]),
        ),
        Contender(BARE, client(sys.executable, "bare_client.py"), parsed),
        Contender(BARE_RAW, client(sys.executable, "bare_client.py", "--raw"), parsed),
    ]
    for peer in ("distilabel", "curator"):
        python = ROOT / ".venv-peer" / peer / "bin/python"
        if python.exists():
            command = client(python, f"peer_{peer}.py", "--scratch=SCRATCH")
            found.append(Contender(peer, command, parsed))
        else:
            print(f"{peer}: not installed, left out; see peer_env", file=sys.stderr)
    return found


def one_round(contender: Contender, server: Server, wanted: int) -> Round:
    """Run a contender once. Raises: RuntimeError, unless it asked for everything just once."""
    with TemporaryDirectory() as name:
        scratch = Path(name)
        server.reset()
        ended = run(contender.command(server.url, scratch), scratch)
        stats = server.stats()
        done = contender.done(report(ended))
    if not stats["requests"] == done == wanted:
        raise RuntimeError(
            f"{contender.name}: wanted {wanted} requests and usable replies, "
            f"got {stats['requests']} and {done}"
        )
    return Round(ended, stats)


def row(name: str, rounds: list[Round], ours: float) -> dict[str, str]:
    return {
        "contender": name,
        "requests/s": spread([r.rate for r in rounds], 0),
        "generate is": f"{ours / median(r.rate for r in rounds):.2f} x",
        "to the last reply, req/s": spread([r.window_rate for r in rounds], 0),
        "whole process, s": spread([r.ended.wall_s for r in rounds], 1),
        "CPU, s": spread([r.ended.cpu_s for r in rounds], 1),
        "peak MB": f"{max(r.ended.peak_mb for r in rounds):.0f}",
        "most at once": str(max(r.stats["most_at_once"] for r in rounds)),
        "server's share of a core": spread([r.server_share for r in rounds]),
        "replies late, ms": spread([r.stats["late_ms"] for r in rounds], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="part of the names to run beside generate")
    parser.add_argument("--json", type=Path, help="leave every number here")
    args = parser.parse_args()
    print(f"{machine()}; {args}")
    with TemporaryDirectory() as name:
        folder = Path(name)
        classes, bodies = class_list(folder / "classes.txt", args.requests), folder / "bodies.jsonl"
        who = contenders(classes, bodies, args.concurrency)
        who = [c for c in who if c.name == OURS or args.only in c.name]
        with serving(folder, 0, record=bodies) as server:
            one_round(who[0], server, args.requests)
        rounds: dict[str, list[Round]] = {c.name: [] for c in who}
        with serving(folder, args.latency_ms) as server:
            for turn in range(args.rounds):
                for contender in [*who[turn % len(who) :], *who[: turn % len(who)]]:
                    rounds[contender.name].append(one_round(contender, server, args.requests))
                    print(f"round {turn + 1}: {contender.name}", file=sys.stderr)
    ours = median(r.rate for r in rounds[OURS])
    show(
        f"Median (least to most) of {args.rounds} rounds",
        [row(who, runs, ours) for who, runs in rounds.items()],
    )
    busiest = max(r.server_share for runs in rounds.values() for r in runs)
    print(f"\nThe server needed at most {busiest:.0%} of a core.")
    if args.json:
        numbers = {who: [vars(r.ended) | dict(r.stats) for r in rs] for who, rs in rounds.items()}
        args.json.write_text(json.dumps(numbers, indent=1))


if __name__ == "__main__":
    main()
