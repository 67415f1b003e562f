"""How the store, its audit and a bank grow with the number of descriptors.

In:  numbers of descriptors, such as 10,000 to 1,000,000.
Out: one table of bytes, seconds and peak memory, a column for each number, and by what factor
     each figure grew from one number to the next.

A store is made by the real writer, 5,000 answers a commit: 100 descriptors a class in five requests
of the shipped prompt (any scene, and four of ten scenes), 20 a request. A third of the phrases are
said once in the whole store; the others are drawn from a pool as large as the store, in which some
are far more common than others. Each distinct text has a random unit vector. Every job is a process
of its own, so that it has a peak of its own; files are in the system's cache when they are read.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.harness import machine, report, run, show
from tests.benchmarks.latency_server import phrase

if TYPE_CHECKING:
    import pyarrow as pa

    from langseg.cache.bank.text_bank import TextBank
    from langseg.cache.records import Descriptor, Request, Response, Text

DIM = 384
ENCODER = "bench-384"
COMMIT_ANSWERS = 5000
A_REQUEST = 20  # descriptors: 12 of the class, and 4 subclasses with their name and one phrase
A_CLASS = 100
N_SUBCLASSES = 4
SCENES = tuple(f"scene {number}" for number in range(1, 11))
SCENES_OF_A_CLASS = 4
OWN_SHARE = 0.35  # of the phrases: said once in the whole store
COMMON = 50  # texts at the head of the pool that are about equally common
REJECTED_SHARE = 0.02
REASONS = ("too_short", "too_long", "names_class", "not_visual")
CLASSES_A_REFUSAL = 100  # for so many classes one more is asked about, and refused
CUT_SHARE = 0.001
TIMES_ASKED = 3
TIMES_OPENED = 20
_STRIDE = 104_729  # odd: meets each of the 2**20 phrases once
_MB = 1e6

Figures = dict[str, float]


class Talk:
    """What a model says: (text, reason it is turned down or ``""``), the same for the same seed."""

    def __init__(self, descriptors: int) -> None:
        self._rng = np.random.default_rng(descriptors)
        self._pool = min(descriptors, 2**20)
        self._own = 0

    def phrases(self, count: int) -> list[tuple[str, str]]:
        phrases: list[tuple[str, str]] = []
        before: set[str] = set()
        draws = self._rng.random((count, 4))
        for own, rank, turned_down, reason in draws:
            text = self._one_more() if own < OWN_SHARE else self._common(rank)
            why = REASONS[int(reason * len(REASONS))] if turned_down < REJECTED_SHARE else ""
            phrases.append((text, "duplicate" if text in before else why))
            before.add(text)
        return phrases

    def vectors(self, count: int) -> NDArray[np.float16]:
        rows = self._rng.standard_normal((count, DIM), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows.astype(np.float16)

    def cut(self, count: int) -> NDArray[np.bool_]:
        return self._rng.random(count) < CUT_SHARE

    def _one_more(self) -> str:
        self._own += 1
        return "partly " + phrase(self._own * _STRIDE)

    def _common(self, draw: float) -> str:
        """The text of rank r is drawn about 1 / (r + COMMON) as often as the first ones."""
        rank = int(COMMON * ((self._pool + COMMON) / COMMON) ** draw) - COMMON
        return phrase(rank * _STRIDE)


def made(path: Path, descriptors: int) -> Figures:
    """Make the store. Making its rows up is in no figure but the peak."""
    from langseg.cache.store.store import Store

    talk, embedded = Talk(descriptors), set[str]()
    described = descriptors // A_CLASS
    seconds = []
    store = Store.open(path, create=True)
    with store.writer() as writer:
        plan = planned(described)
        while requests := list(islice(plan, COMMIT_ANSWERS)):
            tables = answers_to(requests, described, talk)
            fresh = [key for key in tables["texts"]["text_id"].to_pylist() if key not in embedded]
            embedded.update(fresh)
            vectors = embeddings(fresh, talk)
            started = time.perf_counter()
            writer.commit(tables, {ENCODER: vectors}, {ENCODER: {"model": "random", "dim": DIM}})
            seconds.append(time.perf_counter() - started)
    rows = {name: sum(part.rows for part in parts) for name, parts in store.manifest.tables.items()}
    assert rows["descriptors"] == descriptors, rows
    return {
        "distinct texts, % of descriptors": 100 * rows["texts"] / descriptors,
        "requests": rows["requests"],
        "commits": len(seconds),
        "commits together, s": sum(seconds),
        **sizes(path, descriptors),
    }


def planned(described: int) -> Iterator["Request"]:
    """The requests of a vocabulary in which each class looks its own way in four scenes."""
    from langseg.descriptors.prompts.describe import describe_requests
    from langseg.descriptors.prompts.prompt import load_prompt
    from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

    count = described + max(1, described // CLASSES_A_REFUSAL)
    entries = tuple(ClassEntry(name=f"object {id_}", id=id_) for id_ in range(1, count + 1))
    scenes = {
        scene: tuple(e.name for e in entries if (place - e.id) % len(SCENES) < SCENES_OF_A_CLASS)
        for place, scene in enumerate(SCENES)
    }
    vocabulary = Vocabulary(name="bench", classes=entries, ignore_ids=(0,), scenes=scenes)
    prompt = load_prompt(
        n_attributes=A_REQUEST - 2 * N_SUBCLASSES, n_subclasses=N_SUBCLASSES, n_per_subclass=1,
        n_scene_attributes=A_REQUEST - 2 * N_SUBCLASSES,
    )  # fmt: skip
    return iter(describe_requests(vocabulary, prompt, "bench-model", {"temperature": 0.7}))


def answers_to(requests: Sequence["Request"], described: int, talk: Talk) -> dict[str, "pa.Table"]:
    """The tables of some answers. Classes beyond the ``described`` ones are refused."""
    from langseg.cache.records import TABLES, Text, to_table

    answers: list[Response] = []
    rows: list[Descriptor] = []
    texts: dict[str, Text] = {}
    for request in requests:
        if int(request.class_name.rpartition(" ")[2]) > described:
            answers.append(response(request, "refused", ""))
            continue
        phrases = reply(request, talk)
        text = json.dumps([[row.subclass, row.slot, line.text] for row, line in phrases])
        answers.append(response(request, "ok", text))
        rows += [row for row, _ in phrases]
        texts |= {line.text_id: line for _, line in phrases}
    made_of: dict[str, Iterable[Request | Response | Descriptor | Text]] = {
        "requests": requests,
        "responses": answers,
        "descriptors": rows,
        "texts": texts.values(),
    }
    return {name: to_table(TABLES[name], made) for name, made in made_of.items()}


def response(request: "Request", status: str, raw_text: str) -> "Response":
    from langseg.cache.records import Response

    return Response(
        request_key=request.request_key, attempt=1, status=status, raw_text=raw_text,
        finish_reason="stop", provider="openai", dialect="json_schema", served_model="bench-model",
        system_fingerprint="fp_1", prompt_tokens=len(request.messages_json) // 4,
        completion_tokens=len(raw_text) // 4, cached_tokens=0, cost_usd=None, latency_s=0.25,
        created_at="2026-11-21T00:00:00Z", error="", run_id="bench",
    )  # fmt: skip


def reply(request: "Request", talk: Talk) -> list[tuple["Descriptor", "Text"]]:
    from langseg.cache.keys import sha256_hex, text_id
    from langseg.cache.records import NAME_SLOT, SLOTS, Descriptor, Text

    subclasses = [f"kind {number} of {request.class_name}" for number in range(N_SUBCLASSES)]
    lines = [(name, NAME_SLOT, name, "") for name in subclasses]
    owners = [*subclasses, *[""] * (A_REQUEST - 2 * N_SUBCLASSES)]
    phrases = talk.phrases(len(owners))
    lines += [
        (owner, SLOTS[rank % len(SLOTS)], text, why)
        for rank, (owner, (text, why)) in enumerate(zip(owners, phrases, strict=True))
    ]
    found = []
    for rank, (owner, slot, text, why) in enumerate(lines):
        key = text_id(text)
        row = Descriptor(
            descriptor_id=sha256_hex(f"{request.request_key}:1:{rank}"),
            request_key=request.request_key, text_id=key, class_name=request.class_name,
            scene=request.scene, subclass=owner, slot=slot, rank=rank, rejected=why,
            parser_version=1,
        )  # fmt: skip
        found.append((row, Text(text_id=key, text=text, n_chars=len(text))))
    return found


def embeddings(text_ids: Sequence[str], talk: Talk) -> "pa.Table":
    import pyarrow as pa

    from langseg.cache.records import embedding_schema

    schema = embedding_schema(DIM)
    flat = pa.array(talk.vectors(len(text_ids)).reshape(-1))
    columns = [
        pa.array(text_ids, pa.string()),
        pa.FixedSizeListArray.from_arrays(flat, type=schema.field("emb").type),
        pa.array([8] * len(text_ids), pa.int32()),
        pa.array(talk.cut(len(text_ids))),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def sizes(path: Path, descriptors: int) -> Figures:
    """MB of each table, of the rest, of the whole; and of the whole for a million descriptors."""
    from langseg.cache.records import EMBEDDINGS, TABLES

    def mb(folder: Path) -> float:
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / _MB

    tables = {name: mb(path / name) for name in (*TABLES, EMBEDDINGS)}
    whole = mb(path)
    return {
        **{f"{name}, MB": size for name, size in tables.items()},
        "manifests and the rest, MB": whole - sum(tables.values()),
        "store, MB": whole,
        "store, MB a million descriptors": whole * 1e6 / descriptors,
    }


def verified(path: Path, _: int) -> Figures:
    from langseg.cache.store.store import Store
    from langseg.cache.upkeep.verify import examine

    open_s = timed(lambda: Store.open(path).manifest, TIMES_OPENED)
    started = time.perf_counter()
    found = examine(path)
    verify_s = time.perf_counter() - started
    assert not found.problems, found.problems
    return {"open and read the manifest, ms": 1000 * open_s, "verify, s": verify_s}


def audited(path: Path, _: int) -> Figures:
    """As ``langseg-desc audit`` and ``sql`` do: without the vectors, in DuckDB's own limit."""
    import pyarrow as pa

    from langseg.cache.records import TABLES
    from langseg.cache.sql.queries import AUDIT_QUESTIONS, MEMORY_LIMIT_MB, ask, open_audit
    from langseg.cache.store.store import Store

    started = time.perf_counter()
    store = Store.open(path)
    tables = {name: store.table(name) for name in TABLES}
    vectors = store.embeddings(ENCODER, ("text_id", "n_tokens", "truncated"))
    named = pa.array([ENCODER] * vectors.num_rows, pa.string())
    tables["embeddings"] = vectors.append_column("encoder", named)
    read_s = time.perf_counter() - started
    started = time.perf_counter()
    connection = open_audit(tables)
    load_s = time.perf_counter() - started
    held = "select sum(memory_usage_bytes) from duckdb_memory()"
    (held_bytes,) = connection.execute(held).fetchall()[0]
    assert held_bytes < MEMORY_LIMIT_MB * 2**20
    asked = {
        f"question {name}, s": timed(partial(ask, connection, name), TIMES_ASKED)
        for name in AUDIT_QUESTIONS
    }
    return {
        "audit reads the tables, s": read_s,
        "open_audit, s": load_s,
        "held by DuckDB, MB": held_bytes / _MB,
        **asked,
    }


def banked(path: Path, descriptors: int) -> Figures:
    from langseg.cache.bank.array_files import HEADER, array_files
    from langseg.cache.bank.load_save import save_bank

    bank = bank_of(descriptors // A_CLASS)
    started = time.perf_counter()
    folder = save_bank(bank, path)
    return {
        "save_bank, s": time.perf_counter() - started,
        "bank arrays, MB": array_files(folder)[0].stat().st_size / _MB,
        "bank header, MB": (folder / HEADER).stat().st_size / _MB,
    }


def bank_of(count: int) -> "TextBank":
    """``count`` classes of 100 descriptors: 20 of any scene, 20 of each of four scenes."""
    from langseg.cache.bank.text_bank import PRIOR_FLOOR, TextBank
    from langseg.cache.records import ANY_SCENE, SLOTS

    talk = Talk(count)
    prior = np.full((1 + len(SCENES), count, A_CLASS), PRIOR_FLOOR, np.float32)
    prior[:, :, :A_REQUEST] = 1
    for at in range(count):
        for turn in range(SCENES_OF_A_CLASS):
            first = A_REQUEST * (1 + turn)
            prior[1 + (at + turn) % len(SCENES), at, first : first + A_REQUEST] = 1
    emb = np.empty((count, A_CLASS, DIM), np.float16)
    for at in range(count):
        emb[at] = talk.vectors(A_CLASS)
    numbers = range(count)
    return TextBank(
        names=tuple(f"object {at}" for at in numbers),
        ids=tuple(1 + at for at in numbers),
        ignore_ids=(0,),
        scenes=(ANY_SCENE, *SCENES),
        texts=tuple(tuple(phrase(at * A_CLASS + k) for k in range(A_CLASS)) for at in numbers),
        slots=tuple(tuple(SLOTS[k % len(SLOTS)] for k in range(A_CLASS)) for _ in numbers),
        owners=tuple(("",) * A_CLASS for _ in numbers),
        emb=emb,
        mask=np.ones((count, A_CLASS), np.bool_),
        weight=np.full((count, A_CLASS), 1 / A_CLASS, np.float32),
        scene=talk.vectors(1 + len(SCENES)),
        prior=prior,
        vocabulary="bench",
        vocabulary_hash="ab" * 32,
        encoder_id=ENCODER,
        image_aligned=False,
        model="bench-model",
        manifest="000001",
    )


def opened(path: Path, _: int) -> Figures:
    """Open the one bank there, then read all of it once, and parts of it by themselves."""
    from langseg.cache.bank.array_files import array_files
    from langseg.cache.bank.load_save import load_bank
    from langseg.cache.bank.rules import check_bank
    from langseg.cache.files import sha256_of

    (folder,) = path.iterdir()
    before = resident_mb()
    bank = load_bank(folder)
    at_open = resident_mb()
    check_bank(bank)
    after = resident_mb()
    del bank
    (arrays,) = array_files(folder)
    steps: dict[str, tuple[Callable[[], Any], int]] = {
        "load_bank": (lambda: load_bank(folder), TIMES_OPENED),
        "load_bank and first read of everything": (
            lambda: check_bank(load_bank(folder)),
            TIMES_ASKED,
        ),
        "first read of emb": (lambda: load_bank(folder).emb, TIMES_ASKED),
        "first read of prior": (lambda: load_bank(folder).prior, TIMES_ASKED),
        "first read of texts": (lambda: load_bank(folder).texts, TIMES_ASKED),
        "sha256 of the array file by itself": (lambda: sha256_of(arrays), TIMES_ASKED),
    }
    figures: Figures = {}
    for name, (step, times) in steps.items():
        figures[f"{name}, ms"] = 1000 * timed(step, times)
        figures[f"{name}, CPU ms"] = 1000 * timed(step, times, time.process_time)
    return figures | {
        "memory of its own after load_bank, MB": at_open["RssAnon"] - before["RssAnon"],
        "pages of the file after load_bank, MB": at_open["RssFile"] - before["RssFile"],
        "memory of its own after reading, MB": after["RssAnon"] - before["RssAnon"],
        "pages of the file after reading, MB": after["RssFile"] - before["RssFile"],
    }


def resident_mb() -> Figures:
    """Of this process: its own memory, and the pages of files that it has mapped (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = (line.split() for line in lines if line.startswith(("RssAnon:", "RssFile:")))
    return {name.rstrip(":"): int(kib) * 1024 / _MB for name, kib, _ in found}


def timed(
    do: Callable[[], Any], times: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Median seconds."""
    seconds = []
    for _ in range(times):
        started = clock()
        do()
        seconds.append(clock() - started)
    return median(seconds)


JOBS: dict[str, tuple[Callable[[Path, int], Figures], str]] = {
    "make": (made, "store"),
    "verify": (verified, "store"),
    "audit": (audited, "store"),
    "save": (banked, "banks"),
    "open": (opened, "banks"),
}


def measured(descriptors: int, scratch: Path) -> Figures:
    """All the figures of one size, each job in a process of its own."""
    figures: Figures = {}
    with TemporaryDirectory(dir=scratch) as name:
        for job, (_, folder) in JOBS.items():
            command = [sys.executable, "-m", "tests.benchmarks.bench_store", f"--job={job}"]
            command += [f"--folder={Path(name) / folder}", f"--descriptors={descriptors}"]
            ended = run(command, scratch)
            figures |= report(ended) | {f"peak of {job}, MB": ended.peak_mb * 2**20 / _MB}
            print(f"{descriptors:,}: {job} took {ended.wall_s:.1f} s", file=sys.stderr)
    return figures


def table(columns: Mapping[int, Figures]) -> list[dict[str, str]]:
    """A row for each figure; after each column but the first, its growth."""
    rows = []
    for name in next(iter(columns.values())):
        row = {"figure": name}
        values = [(count, figures[name]) for count, figures in columns.items()]
        row[f"{values[0][0]:,}"] = shown(values[0][1])
        for (_, less), (count, more) in pairwise(values):
            row[f"{count:,}"] = shown(more)
            row[f"x at {count:,}"] = f"{more / less:.1f}" if less > 0 and more > 0 else ""
        rows.append(row)
    return rows


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--descriptors", type=int, nargs="+", default=[10_000, 100_000, 1_000_000],
        help="each a multiple of 100, at most 1,000,000",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, help="where there is room; default: a temporary one")
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if any(count % A_CLASS or not A_CLASS <= count <= 1_000_000 for count in args.descriptors):
        parser.error("--descriptors: wanted multiples of 100, from 100 to 1,000,000")
    if args.job:
        print(json.dumps(JOBS[args.job][0](args.folder, args.descriptors[0])))
        return
    print(machine())
    with TemporaryDirectory(dir=args.folder) as name:
        columns = {count: measured(count, Path(name)) for count in sorted(set(args.descriptors))}
    show("Medians; MB are 10**6 bytes", table(columns))


if __name__ == "__main__":
    main()
