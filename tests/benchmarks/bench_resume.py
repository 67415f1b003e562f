"""How long a resumed run takes until it asks its first new request.

In:  how many requests the store has answers to, and how many are planned.
Out: seconds from the start of the process to its first request at the server, beside those of
     the same plan on an empty store, and of a small plan on an empty store (imports, mostly).

The store is filled by the real writer, 5,000 answers a commit, with replies of the benchmark
server that went through validation. That takes minutes and is not measured; ``--store DIR``
keeps it for another time. A measured run is stopped by ``--max-requests`` once it has asked.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.harness import (
    BUDGET_REACHED,
    ROOT,
    Server,
    class_list,
    desc_command,
    generate_command,
    machine,
    profiled,
    report,
    run,
    serving,
    show,
    spread,
)

COMMIT_ANSWERS = 5000
ASKED = 8  # requests that a measured run may ask
FEW = 60


def fill(path: Path, wanted: int) -> None:
    """Make a store with one answer into one with ``wanted``: other classes, other replies."""
    import json

    from langseg.cache.keys import request_key
    from langseg.cache.records import Request, Response
    from langseg.cache.store.store import Store
    from langseg.descriptors.generation.answers import ParsedAnswer, answer_tables, parsed
    from tests.benchmarks.latency_server import reply_text

    store = Store.open(path)
    first = Request(**store.table("requests").to_pylist()[0])
    answer = Response(**store.table("responses").to_pylist()[0])
    params, schema = json.loads(first.params_json), json.loads(first.schema_json)
    quoted = f'\\"{first.class_name}\\"'
    assert first.messages_json.count(quoted) == 1

    def answered(number: int) -> ParsedAnswer:
        name = f"object {number}"
        messages_json = first.messages_json.replace(quoted, f'\\"{name}\\"')
        key = request_key(
            model=first.model,
            messages=json.loads(messages_json),
            params=params,
            schema=schema,
            sample_index=0,
        )
        text = reply_text(schema, name, first.scene)
        asked = replace(first, request_key=key, class_name=name, messages_json=messages_json)
        return parsed((asked, replace(answer, request_key=key, raw_text=text)))

    def batches() -> Iterator[range]:
        for start in range(2, wanted + 1, COMMIT_ANSWERS):
            yield range(start, min(start + COMMIT_ANSWERS, wanted + 1))

    with store.writer() as writer:
        for numbers in batches():
            writer.commit(answer_tables([answered(number) for number in numbers]))
            print(f"{numbers[-1]} answers are in", file=sys.stderr)


def filled(store: Path, classes: Path, answers: int, folder: Path) -> None:
    """A store in which ``object 1`` to ``object <answers>`` are answered."""
    with serving(folder, 0) as server:
        ask = generate_command(server.url, classes, store, "--max-requests=1")
        report(run(ask, folder), BUDGET_REACHED)
    command = [sys.executable, "-m", "tests.benchmarks.bench_resume", f"--fill={store}"]
    ended = run([*command, f"--answered={answers}"], folder, {"PYTHONPATH": str(ROOT)})
    report(ended)


def check_answered(store: Path, classes: Path, answers: int, folder: Path) -> None:
    """Raises: RuntimeError, unless the plan finds its answers in the store."""
    cached = report(run(desc_command("plan", classes, store), folder))["cached"]
    if cached < answers:
        raise RuntimeError(f"{store}: wanted {answers} answers to the plan, got {cached}")


def measured(
    name: str, server: Server, classes: Path, store: Path | None, folder: Path, rounds: int
) -> dict[str, str]:
    """A row of the table; without a store, a new one each time."""
    runs, first_s = [], []
    for _ in range(rounds):
        with TemporaryDirectory(dir=folder) as empty:
            server.reset()
            at = store or Path(empty) / "store"
            command = generate_command(server.url, classes, at, f"--max-requests={ASKED}")
            ended = run(command, folder)
            report(ended, BUDGET_REACHED)
            runs.append(ended)
            first_s.append(server.stats()["first_arrival"] - ended.started)
    return {
        "run": name,
        "to the first request, s": spread(first_s),
        "whole process, s": spread([ended.wall_s for ended in runs]),
        "CPU, s": spread([ended.cpu_s for ended in runs]),
        "peak MB": f"{max(ended.peak_mb for ended in runs):.0f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answered", type=int, default=100_000)
    parser.add_argument("--planned", type=int, help="default: 1,000 more than are answered")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", type=Path, help="kept, and used again when it is there")
    parser.add_argument("--profile", type=Path, help="leave a profile of one resumed run here")
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.fill:
        fill(args.fill, args.answered)
        return
    print(machine())
    planned = args.planned or args.answered + 1000
    with TemporaryDirectory() as name:
        folder = Path(name)
        few = class_list(folder / "few.txt", FEW)
        classes = class_list(folder / "classes.txt", planned)
        store = args.store or folder / "store"
        if not (store / "CURRENT").exists():
            filled(store, classes, args.answered, folder)
        check_answered(store, classes, args.answered, folder)
        with serving(folder, 0) as server:
            if args.profile:
                flags = f"--max-requests={ASKED}"
                command = generate_command(server.url, classes, store, flags)
                report(run(profiled(command, args.profile), folder), 0)  # cProfile hides the code
            rows = [
                measured(what, server, listed, at, folder, args.rounds)
                for what, listed, at in (
                    (f"{FEW} planned, empty store", few, None),
                    (f"{planned:,} planned, empty store", classes, None),
                    (f"{planned:,} planned, {args.answered:,} answered", classes, store),
                )
            ]
    show(f"Median (least to most) of {args.rounds} runs", rows)


if __name__ == "__main__":
    main()
