"""Peak memory of ``langseg-desc generate``, and how it grows with the plan.

In:  sizes of plans.
Out: a table of peak resident memory and seconds, one process a row.

A plan is stopped by ``--max-requests`` after a few requests: what is left is what planning
takes. With ``--answer N`` a plan of N is answered to its end by a server without latency: that
adds what the answers take, and minutes.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.harness import (
    BUDGET_REACHED,
    class_list,
    generate_command,
    machine,
    report,
    run,
    serving,
    show,
)

ASKED = 64


def measured(planned: int, whole: bool, folder: Path) -> dict[str, str]:
    """A row of the table: one plan, one process, one new store."""
    classes = class_list(folder / f"{planned}.txt", planned)
    cap = [] if whole else [f"--max-requests={ASKED}"]
    with TemporaryDirectory(dir=folder) as name, serving(folder, 0) as server:
        command = generate_command(server.url, classes, Path(name) / "store", "--concurrency=32")
        ended = run([*command, *cap], folder)
        summary = report(ended, 0 if whole else BUDGET_REACHED)
        stats = server.stats()
    if whole:
        assert summary["still_open"] == 0, summary
    return {
        "planned": f"{planned:,}",
        "answered": f"{stats['requests']:,}",
        "peak MB": f"{ended.peak_mb:.0f}",
        "to the first request, s": f"{stats['first_arrival'] - ended.started:.1f}",
        "whole process, s": f"{ended.wall_s:.1f}",
        "CPU, s": f"{ended.cpu_s:.1f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planned", type=int, nargs="*", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--answer", type=int, nargs="*", default=[], help="plans to answer wholly")
    args = parser.parse_args()
    print(machine())
    with TemporaryDirectory() as name:
        rows = [measured(planned, False, Path(name)) for planned in args.planned]
        rows += [measured(planned, True, Path(name)) for planned in args.answer]
    show("Peak memory", rows)


if __name__ == "__main__":
    main()
