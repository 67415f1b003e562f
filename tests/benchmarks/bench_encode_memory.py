"""Peak memory of `encode`, and how it grows with the number of texts in the store.

In:  numbers of distinct texts, such as 10,000 to 1,000,000.
Out: a table of peak resident memory and seconds, one process a row.

A store is filled by the real writer, 20 texts a request, and compacted, so that its parts are as
large as they get. `encode` then embeds all of them, and once more has nothing to do. The encoder
is a hash that takes no memory of its own: what is measured is the command around it.
"""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest import mock

from tests.benchmarks.bench_store import A_CLASS, N_SUBCLASSES, SCENES, Talk, answers_to, planned
from tests.benchmarks.harness import machine, report, run, show
from tests.benchmarks.latency_server import phrase
from tests.support.quiet import no_bar

if TYPE_CHECKING:
    pass

DIM = 384
COMMIT_ANSWERS = 5000
_STRIDE = 104_729  # odd: meets each of the 2**20 phrases once
# of the 100 phrases of a class 20 are the names of its subclasses, 4 of them distinct
_DISTINCT = A_CLASS - 5 * N_SUBCLASSES + N_SUBCLASSES


class NoTwice(Talk):
    """Says no phrase twice and turns none down."""

    def phrases(self, count: int) -> list[tuple[str, str]]:
        self._own += count
        return [(phrase(number * _STRIDE), "") for number in range(self._own - count, self._own)]


def fill(folder: Path, texts: int) -> None:
    """A store, and the class list that its answers are about."""
    from itertools import islice

    from langseg.cache.store.store import Store
    from langseg.cache.upkeep.compact import compact

    described = texts // _DISTINCT
    talk, plan = NoTwice(described), planned(described)
    store = Store.open(folder / "store", create=True)
    with store.writer() as writer:
        while requests := list(islice(plan, COMMIT_ANSWERS)):
            writer.commit(answers_to(requests, described, talk))
    compact(store)
    entries = range(1, described + 1)
    scenes = {
        scene: [f"object {id_}" for id_ in entries if (place - id_) % len(SCENES) < 4]
        for place, scene in enumerate(SCENES)
    }
    classes = [{"name": f"object {id_}"} for id_ in entries]
    home = {"name": "bench", "classes": classes, "scenes": scenes}
    (folder / "bench.json").write_text(json.dumps(home))
    print(json.dumps({"texts": sum(part.rows for part in store.manifest.tables["texts"])}))


def encode(folder: Path, texts: int) -> None:
    from langseg.descriptors.encoders import embed
    from langseg.descriptors.vocabulary.source import Source
    from langseg.pipelines.desc.encode import run_encode
    from langseg.pipelines.shared.json_output import json_text
    from tests.support.hash_encoder import HashEncoder

    encoder = HashEncoder(folder / "encoder", DIM)
    source = Source(classes=folder / "bench.json", store=folder / "store")
    with mock.patch.object(embed, "load_encoder", return_value=encoder):
        summary = run_encode(source, str(folder / "encoder"), no_bar)
    print(json_text(summary))


JOBS = {"fill": fill, "encode": encode}


def measured(texts: int, scratch: Path) -> list[dict[str, str]]:
    rows = []
    with TemporaryDirectory(dir=scratch) as name:
        for job in ("fill", "encode", "encode"):
            command = [sys.executable, "-m", "tests.benchmarks.bench_encode_memory", f"--job={job}"]
            ended = run([*command, f"--folder={name}", f"--texts={texts}"], scratch)
            summary = report(ended)
            print(f"{texts:,}: {job} took {ended.wall_s:.1f} s", file=sys.stderr)
            if job == "encode":
                rows.append(
                    {
                        "texts": f"{summary['texts']:,}",
                        "embedded now": f"{summary['embedded']:,}",
                        "peak MB": f"{ended.peak_mb:.0f}",
                        "seconds": f"{ended.wall_s:.1f}",
                    }
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="where there is room; default: a temporary one")
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.job:
        JOBS[args.job](args.folder, args.texts[0])
        return
    print(machine())
    with TemporaryDirectory(dir=args.folder) as name:
        rows = [row for texts in args.texts for row in measured(texts, Path(name))]
    show("Peak memory of encode", rows)


if __name__ == "__main__":
    main()
