"""Bring a damaged store back to a snapshot that is whole, without what cannot be read.

In:  the folder of a store in any state, and a way to make descriptors anew from stored replies.
Out: a manifest of everything that is good and points at nothing lost; what was lost, in numbers.

A lost response opens its request again, so its descriptors go too; a lost descriptor or text is
made again from the reply that held it, and nobody is asked. Where the live manifest itself is
damaged, the newest one that is whole is the start, and every good part in the store is read
besides. A crash at any step leaves a store that is still damaged, or the repaired one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from langseg.cache.files import disk_errors
from langseg.cache.records import (
    EMBEDDINGS,
    TABLES,
    Request,
    Response,
    arrow_schema,
    embedding_schema,
)
from langseg.cache.sql.views import write_views
from langseg.cache.store.commit import finish_commit, publish_alone
from langseg.cache.store.encoder_records import read_record
from langseg.cache.store.journal import Answer
from langseg.cache.store.lock import store_lock
from langseg.cache.store.manifest import (
    Manifest,
    Part,
    encoder_folder,
    next_number,
    write_current,
)
from langseg.cache.store.parts import read_part, write_part
from langseg.cache.store.row_checks import EMBEDDING_KEY, KEYS, fresh_rows, joined_key
from langseg.cache.upkeep.salvage import (
    Losses,
    known_vectors,
    salvage_journals,
    whole_encoders,
    whole_manifest,
    whole_parts,
    whole_snapshots,
)
from langseg.cache.upkeep.verify import COLUMNS

Remake = Callable[[Sequence[Answer]], Mapping[str, pa.Table]]
_MADE_OF_REPLIES = ("descriptors", "texts")
_REPLIES_AT_ONCE = 2000


@dataclass(frozen=True)
class Repaired:
    """``manifest`` is the live one now. ``dropped`` and ``remade`` count the rows of a table (or
    of ``embeddings``) that named something lost, and that were made again."""

    manifest: str
    losses: Losses
    dropped: dict[str, int] = field(default_factory=dict)
    remade: dict[str, int] = field(default_factory=dict)


@dataclass
class _Rows:
    """The good parts of one table or encoder, their keys, and which of their rows stay."""

    folder: str
    schema: pa.Schema
    parts: list[Part]
    keys: pa.Table
    stay: pa.Array
    distinct: int

    def keep(self, those: pa.Array) -> None:
        import pyarrow.compute as pc

        self.stay = pc.and_(self.stay, those)

    def kept(self, column: str) -> pa.Array:
        return _flat(self.keys[column]).filter(self.stay)

    def among(self, column: str, there: pa.Array) -> pa.Array:
        """For each row whether its ``column`` is one of ``there``."""
        import pyarrow.compute as pc

        return pc.is_in(_flat(self.keys[column]), value_set=there)

    @property
    def dropped(self) -> int:
        return self.distinct - int(self.stay.true_count)


def repair_store(root: Path, remake: Remake) -> Repaired:
    """Repair what is damaged; a store in which nothing is wrong keeps its manifest.

    Args:
        remake: makes the ``descriptors`` and ``texts`` of some accepted answers.

    Raises: LockedError; LangSegError, for a disk that refuses; FormatError, for a store of
    another LangSeg.
    """
    with store_lock(root), disk_errors(root, "what is whole stays so"):
        return _repair(root, remake)


def _repair(root: Path, remake: Remake) -> Repaired:
    losses = Losses()
    number = next_number(root)  # before a damaged manifest loses its name
    base = whole_manifest(root, losses)  # first: it refuses a store that another LangSeg wrote
    salvage_journals(root, losses)
    encoders = whole_encoders(root, base, losses)
    known_vectors(root, encoders, losses)
    tables = {name: _read_table(root, base, name, losses) for name in TABLES}
    vectors = {name: _read_vectors(root, base, name, encoders[name], losses) for name in encoders}
    made = _settle(root, tables, remake, less=bool(losses.parts or losses.start))
    texts = pa.concat_arrays([tables["texts"].kept("text_id"), _flat(made["texts"]["text_id"])])
    for rows in vectors.values():
        rows.keep(rows.among("text_id", texts))
    whole = replace(
        base,
        tables=_filled({name: _written(root, tables[name], made.get(name)) for name in TABLES}),
        embeddings=_filled({name: _written(root, rows) for name, rows in vectors.items()}),
        encoders=encoders,
    )
    if whole != base or losses.start:
        # The new manifest lists no journal, so none is removed: one whose rows were committed and
        # whose file a crash left there may hold what the tables have lost since.
        whole = publish_alone(root, base, replace(whole, journals=()), number)
        finish_commit(root, whole)
    # A repair that was cut off may have published the manifest and not come here. Once CURRENT is
    # its name, no snapshot before it is needed, and those that lack a file may go.
    write_current(root, whole)
    write_views(root, whole.files())
    whole_snapshots(root, whole, losses)
    dropped = {name: rows.dropped for name, rows in tables.items()}
    dropped[EMBEDDINGS] = sum(rows.dropped for rows in vectors.values())
    remade = {name: table.num_rows for name, table in made.items()}
    return Repaired(whole.name, losses, _counted(dropped), _counted(remade))


def _read_table(root: Path, base: Manifest, name: str, losses: Losses) -> _Rows:
    listed = base.tables.get(name, ())
    return _read(root, name, listed, arrow_schema(TABLES[name]), COLUMNS[name], KEYS[name], losses)


def _read_vectors(root: Path, base: Manifest, name: str, sha256: str, losses: Losses) -> _Rows:
    listed = base.embeddings.get(name, ())
    schema = embedding_schema(read_record(root, name, sha256)["dim"])
    folder = encoder_folder(name)
    return _read(root, folder, listed, schema, EMBEDDING_KEY, EMBEDDING_KEY, losses)


def _read(
    root: Path,
    folder: str,
    listed: Sequence[Part],
    schema: pa.Schema,
    columns: Sequence[str],
    key: Sequence[str],
    losses: Losses,
) -> _Rows:
    parts, keys = whole_parts(root, folder, listed, schema, columns, losses)
    first = _first(joined_key(keys, key))
    return _Rows(folder, schema, parts, keys, first, first.true_count)


def _settle(
    root: Path, tables: Mapping[str, _Rows], remake: Remake, *, less: bool
) -> dict[str, pa.Table]:
    """Drop what names something lost. Returns: the descriptors and texts to add.

    ``less``: parts are lost, so that replies may lack their descriptors without a trace of it.
    """
    import pyarrow.compute as pc

    requests, responses = tables["requests"], tables["responses"]
    descriptors, texts = tables["descriptors"], tables["texts"]
    responses.keep(responses.among("request_key", requests.kept("request_key")))
    descriptors.keep(descriptors.among("request_key", responses.kept("request_key")))
    worded = descriptors.among("text_id", texts.kept("text_id"))
    wordless = pc.and_(descriptors.stay, pc.invert(worded))
    made = {name: arrow_schema(TABLES[name]).empty_table() for name in _MADE_OF_REPLIES}
    if less or wordless.true_count:
        owners = _flat(descriptors.keys["request_key"])
        # A reply is made again whole: of its phrases one text may be lost and the next be there.
        torn = owners.filter(wordless)
        # Answers of which no descriptor is left. Some never had any; only the reply tells which.
        described = responses.among("request_key", owners.filter(descriptors.stay))
        mute = responses.kept("request_key").filter(pc.invert(described.filter(responses.stay)))
        replies = _replies(root, requests, responses, pa.concat_arrays([torn, mute]))
        made = _made(made, replies, remake)
        # Today's parser may read a torn reply in another way; then the old descriptors go, lest
        # the answer is there in two readings.
        again = descriptors.among("descriptor_id", _flat(made["descriptors"]["descriptor_id"]))
        descriptors.keep(pc.or_(again, pc.invert(descriptors.among("request_key", torn))))
    # What no reply gave back has lost its text for good.
    texts_left = pa.concat_arrays([texts.kept("text_id"), _flat(made["texts"]["text_id"])])
    descriptors.keep(descriptors.among("text_id", texts_left))
    for name in _MADE_OF_REPLIES:
        known = set(tables[name].kept(KEYS[name][0]).to_pylist())
        made[name] = fresh_rows(made[name], joined_key(made[name], KEYS[name]), known)
    return made


def _made(
    none: Mapping[str, pa.Table], replies: Iterator[list[Answer]], remake: Remake
) -> dict[str, pa.Table]:
    made = {name: [table] for name, table in none.items()}
    for rows in replies:
        tables = remake(rows)
        for name in _MADE_OF_REPLIES:
            made[name].append(tables[name])
    return {name: pa.concat_tables(tables) for name, tables in made.items()}


def _replies(
    root: Path, requests: _Rows, responses: _Rows, keys: pa.Array
) -> Iterator[list[Answer]]:
    """The accepted answers to some requests, a few at a time."""
    import pyarrow.compute as pc

    if not len(keys):
        return
    by_key: dict[str, Request] = {}
    for part in requests.parts:
        table = read_part(root, part, requests.schema)
        mine = table.filter(pc.is_in(table["request_key"], value_set=keys))
        by_key |= {row["request_key"]: Request(**row) for row in mine.to_pylist()}
    for part in responses.parts:
        table = read_part(root, part, responses.schema)
        accepted = pc.and_(
            pc.is_in(table["request_key"], value_set=pa.array(list(by_key), pa.string())),
            pc.equal(table["status"], "ok"),
        )
        for batch in table.filter(accepted).to_batches(max_chunksize=_REPLIES_AT_ONCE):
            responses_read = [Response(**row) for row in batch.to_pylist()]
            yield [(by_key[response.request_key], response) for response in responses_read]


def _written(root: Path, rows: _Rows, made: pa.Table | None = None) -> tuple[Part, ...]:
    """The parts as they were where all their rows stay, and new ones for the rest."""
    parts, start = [], 0
    for part in rows.parts:
        stay = rows.stay.slice(start, part.rows)
        start += part.rows
        if stay.true_count == part.rows:
            parts.append(part)
        elif stay.true_count:
            table = read_part(root, part, rows.schema).filter(stay)
            parts.append(write_part(root, rows.folder, table))
    if made is not None and made.num_rows:
        parts.append(write_part(root, rows.folder, made))
    return tuple(parts)


def _first(keys: pa.ChunkedArray) -> pa.Array:
    """For each key whether no earlier one is the same."""
    seen: set[str] = set()
    first = []
    for key in keys.to_pylist():
        first.append(key not in seen)
        seen.add(key)
    return pa.array(first, pa.bool_())


def _flat(column: Any) -> pa.Array:
    return pa.concat_arrays([pa.array([], column.type), *column.chunks])


def _filled(groups: Mapping[str, tuple[Part, ...]]) -> dict[str, tuple[Part, ...]]:
    return {name: parts for name, parts in groups.items() if parts}


def _counted(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
