"""Look at everything a store holds and say what is wrong, an error each.

In:  the folder of a store, however damaged.
Out: problems (data is lost, wrong or inconsistent), notes (what a crash may leave behind: the next
     writer or nobody minds) and garbage (what no snapshot needs).

A flipped bit shows in the sha256 of its file. Of a table it is ``store.parts`` that notices, here
and whenever rows are read (then by the checksums of Parquet's pages, too); of a bank,
``bank.arrays``; of a document or a line of JSON, ``sealed``.
"""

from collections.abc import Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from langseg.cache.errors import CorruptError, FormatError, LangSegError
from langseg.cache.files import DAMAGED
from langseg.cache.records import EMBEDDINGS, TABLES, arrow_schema, embedding_schema
from langseg.cache.sql.views import VIEWS, views_sql, written_for
from langseg.cache.store.batch_ledger import batch_notes, batch_problems
from langseg.cache.store.encoder_records import ENCODERS, read_record, record_path
from langseg.cache.store.journal import journal_names, journal_path, read_journal
from langseg.cache.store.manifest import (
    CURRENT,
    MANIFESTS,
    Manifest,
    Part,
    is_kept,
    live_manifest,
    manifest_numbers,
    read_manifest,
)
from langseg.cache.store.parts import check_part, scan_part
from langseg.cache.store.row_checks import EMBEDDING_KEY, KEYS, joined_key
from langseg.cache.store.vector_journal import read_vector_journal, vector_journals

REFERENCES = (  # table, its column, the table that has it
    ("responses", "request_key", "requests"),
    ("descriptors", "request_key", "requests"),
    ("descriptors", "request_key", "responses"),
    ("descriptors", "text_id", "texts"),
)
COLUMNS = {
    name: tuple(dict.fromkeys([*KEYS[name], *(c for t, c, _ in REFERENCES if t == name)]))
    for name in TABLES
}


@dataclass
class Findings:
    """``problems`` must be repaired; ``notes`` are only told; ``garbage`` a collection removes."""

    problems: list[LangSegError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    garbage: list[str] = field(default_factory=list)


@dataclass
class _Listed:
    """What the manifests of a store list -> the newest of them; of encoders, id and sha256."""

    manifests: list[str] = field(default_factory=list)
    parts: dict[Part, str] = field(default_factory=dict)
    encoders: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, manifest: Manifest) -> None:
        """Newest first."""
        self.manifests.append(manifest.name)
        for part in manifest.parts():
            self.parts.setdefault(part, manifest.name)
        for encoder in manifest.encoders.items():
            self.encoders.setdefault(encoder, manifest.name)


def examine(root: Path) -> Findings:
    """Check every manifest, part, record, journal, batch and reference; damage never raises.

    Of snapshots before the live one the bytes are checked, and not what they say.
    Raises: FormatError, for a store that another LangSeg wrote.
    """
    while True:
        findings, live = _examined(root)
        if live is None or not findings.problems or is_kept(root, live):
            return findings  # else a commit and a `gc` came in between


def _examined(root: Path) -> tuple[Findings, Manifest | None]:
    findings = Findings()
    listed = _examine_history(root, findings)
    _examine_journals(root, findings)
    for problem in batch_problems(root):
        _add(findings, problem)
    findings.notes += batch_notes(root)
    try:
        manifest = live_manifest(root)
    except FormatError:
        raise
    except LangSegError as exc:
        _add(findings, exc)
        return findings, None
    tables = {name: _keys(root, manifest.tables.get(name, ()), name, findings) for name in TABLES}
    for name, table in tables.items():
        _examine_twice(name, table, KEYS[name], findings)
    for table_name, column, home in REFERENCES:
        _examine_references(
            table_name, tables[table_name], column, home=home, there=tables[home], findings=findings
        )
    for encoder_id in manifest.encoders:
        _examine_encoder(root, manifest, encoder_id, tables["texts"], findings)
    _examine_older(root, manifest, listed, findings)
    _examine_orphans(root, manifest, listed, findings)
    return findings, manifest


def _add(findings: Findings, problem: LangSegError) -> None:
    if str(problem) not in map(str, findings.problems):  # a file may be met more than once
        findings.problems.append(problem)


def _examine_history(root: Path, findings: Findings) -> _Listed:
    """Old snapshots too: a bank or a report may cite one."""
    listed = _Listed()
    above: Manifest | None = None
    for number in reversed(manifest_numbers(root)):
        try:
            manifest = read_manifest(root, number)
        except LangSegError as exc:
            if number in manifest_numbers(root):  # else `gc` came in between
                _add(findings, exc)
            above = None
            continue
        if above is not None and above.number == number + 1 and above.parent != manifest.sha256:
            _add(
                findings,
                CorruptError(f"{root / MANIFESTS / above.name}: not a child of {manifest.name}"),
            )
        listed.add(manifest)
        above = manifest
    return listed


def _examine_journals(root: Path, findings: Findings) -> None:
    for name in journal_names(root):
        path = journal_path(root, name)
        try:
            rows = read_journal(path)
        except LangSegError as exc:
            _add(findings, exc)
        else:
            findings.notes.append(f"{path}: {len(rows)} answers, which the next run looks through")
    for path in vector_journals(root):
        try:
            texts = sum(len(reply.texts) for reply in read_vector_journal(path))
        except LangSegError as exc:
            _add(findings, exc)
        else:
            findings.notes.append(f"{path}: vectors of {texts} texts, for the next encode to keep")


def _keys(root: Path, parts: tuple[Part, ...], name: str, findings: Findings) -> pa.Table | None:
    """The key columns of a table, or None where a part of it is damaged."""
    return _read_all(root, parts, arrow_schema(TABLES[name]), COLUMNS[name], findings)


def _read_all(
    root: Path,
    parts: tuple[Part, ...],
    schema: pa.Schema,
    columns: tuple[str, ...],
    findings: Findings,
) -> pa.Table | None:
    tables = [schema.empty_table().select(columns)]
    for part in parts:
        try:
            check_part(root, part)
            tables.append(scan_part(root, part, schema, columns))
        except LangSegError as exc:
            _add(findings, exc)
    return pa.concat_tables(tables) if len(tables) == len(parts) + 1 else None


def _examine_twice(
    where: str, table: pa.Table | None, keys: tuple[str, ...], findings: Findings
) -> None:
    if table is not None:
        twice = table.num_rows - len(joined_key(table, keys).unique())
        if twice:
            sentence = f"{where}: {twice} of {table.num_rows} rows repeat the key of another"
            _add(findings, CorruptError(sentence))


def _examine_references(
    where: str,
    table: pa.Table | None,
    column: str,
    *,
    home: str,
    there: pa.Table | None,
    findings: Findings,
) -> None:
    import pyarrow.compute as pc

    if table is None or there is None:
        return  # a damaged part is told already; what points into it is no problem of its own
    dangling = table.filter(pc.invert(pc.is_in(table[column], value_set=there[column])))
    if dangling.num_rows:
        _add(
            findings,
            CorruptError(
                f"{where}: {dangling.num_rows} of {table.num_rows} rows name a {column} that "
                f"{home} lacks, such as {dangling[column][0].as_py()}"
            ),
        )


def _examine_encoder(
    root: Path, manifest: Manifest, encoder_id: str, texts: pa.Table | None, findings: Findings
) -> None:
    try:
        record = read_record(root, encoder_id, manifest.encoders[encoder_id])
    except LangSegError as exc:
        _add(findings, exc)
        return
    where = f"{EMBEDDINGS} of {encoder_id}"
    schema = embedding_schema(record["dim"])
    parts = manifest.embeddings.get(encoder_id, ())
    table = _read_all(root, parts, schema, EMBEDDING_KEY, findings)
    _examine_twice(where, table, EMBEDDING_KEY, findings)
    _examine_references(where, table, "text_id", home="texts", there=texts, findings=findings)


def _examine_older(root: Path, live: Manifest, listed: _Listed, findings: Findings) -> None:
    """The files that only older snapshots need, in one note as long as they are whole."""
    older = [name for name in listed.manifests if name != live.name]
    needed = {*live.parts()}
    parts = {part: name for part, name in listed.parts.items() if part not in needed}
    for part, name in parts.items():
        with _named_after(root, name, findings):
            check_part(root, part)
    for encoder, name in listed.encoders.items():
        if encoder not in live.encoders.items():
            with _named_after(root, name, findings):
                read_record(root, *encoder)
    if parts:
        findings.garbage.append(
            f"{root / MANIFESTS}: {_count(older, 'older snapshot')} with {_count(parts, 'part')} "
            f"that {live.name} does not need"
        )


@contextmanager
def _named_after(root: Path, manifest: str, findings: Findings) -> Iterator[None]:
    try:
        yield
    except LangSegError as exc:
        if (root / MANIFESTS / manifest).exists():  # else `gc` came in between
            _add(findings, CorruptError(f"{exc}, of the older {manifest}", exc.remedy))


def _examine_orphans(root: Path, manifest: Manifest, listed: _Listed, findings: Findings) -> None:
    """Files nobody reads: unfinished writes, parts of commits that never were, damage kept."""
    known = {root / part.path for part in listed.parts}
    known |= {root / record_path(encoder_id) for encoder_id, _ in listed.encoders}
    there = [path for name in (*TABLES, EMBEDDINGS) for path in (root / name).rglob("*.parquet")]
    there += (root / ENCODERS).glob("*.json")
    orphans = sorted({*there} - known)
    findings.garbage += [f"{path}: in no snapshot" for path in orphans]
    findings.notes += [f"{path}: an unfinished write" for path in root.rglob(".*.tmp")]
    findings.notes += [f"{path}: damaged, kept" for path in sorted(root.rglob(f"*{DAMAGED}"))]
    behind = {CURRENT: f"{manifest.name}\n", VIEWS: views_sql(manifest.files(), root)}
    for name, text in behind.items():
        held = (root / name).read_bytes() if (root / name).is_file() else b""
        place = written_for(held.decode(errors="replace"))
        if place not in (None, str(root.resolve())):
            findings.notes.append(
                f"{root / name}: written for {place}, the next writer writes it anew; until then "
                f"it reads this store only from within {root}"
            )
        elif held != text.encode():
            findings.notes.append(
                f"{root / name}: behind {manifest.name}, the next writer catches up"
            )


def _count(things: Sized, what: str) -> str:
    return f"{len(things)} {what}{'s' * (len(things) != 1)}"
