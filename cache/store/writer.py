"""The one writer of a store: recover what a dead run paid for, journal, commit.

In:  finished requests, and the tables made of them.
Out: a new manifest, or an exception and the old one.

A disk that is full or fails is a plain LangSegError (exit 1): no leaf of the tree means it. It is
not the input, nothing in the store is corrupt, and no upstream is to blame.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from langseg.cache.errors import CorruptError, LangSegError, Remedy
from langseg.cache.files import disk_errors
from langseg.cache.records import embedding_table, text_table
from langseg.cache.store.commit import Changes, commit_changes
from langseg.cache.store.committed_keys import KnownKeys
from langseg.cache.store.journal import (
    Answer,
    Journal,
    journal_names,
    journal_path,
    read_journal,
    salvage_journal,
)
from langseg.cache.store.manifest import Manifest, safe_name
from langseg.cache.store.row_checks import KEYS, joined_key, response_key
from langseg.cache.store.snapshot import Snapshot
from langseg.cache.store.text_id_ranges import TextIdRange
from langseg.cache.store.vector_journal import (
    JournalledVectors,
    VectorJournal,
    read_vector_journal,
    vector_journals,
)


@dataclass(frozen=True)
class Recovered:
    """Answers of dead runs that are not committed yet, and the journals that hold them."""

    rows: tuple[Answer, ...]
    journals: tuple[str, ...]


class StoreWriter:
    """Holds the store's lock for as long as it lives. Made by ``Store.writer``."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._root = snapshot.path
        self._known = KnownKeys(snapshot)
        self._journals: dict[str, Journal] = {}

    def start_journal(self, run_id: str) -> Journal:
        """A new journal, named after the run, with a number behind it when that name is taken."""
        name, count = run_id, 1
        taken = {*journal_names(self._root), *self._snapshot.manifest.journals}
        while name in taken:
            count += 1
            name = f"{run_id}-{count}"
        with disk_errors(self._root, "no journal was started"):
            journal = Journal(self._root, safe_name("run id", name))
        self._journals[name] = journal
        return journal

    def recover(self) -> Recovered:
        """What dead runs journalled and nobody committed, each answer once.

        Commit it with ``retired_journals=recovered.journals``. A journal that holds nothing new
        is removed here. Raises: CorruptError, for a damaged journal (see ``salvage_journals``).
        """
        rows: dict[str, Answer] = {}
        holding = []
        for name in journal_names(self._root):
            if name in self._journals:
                continue
            journalled = {response_key(row[1]): row for row in read_journal(self._path(name))}
            fresh = journalled.keys() - self._committed(journalled) - rows.keys()
            rows |= {key: journalled[key] for key in journalled if key in fresh}
            if fresh:
                holding.append(safe_name("journal", name))
            else:
                with disk_errors(self._root, "a journal that holds nothing new is still there"):
                    self._path(name).unlink()
        return Recovered(tuple(rows.values()), tuple(holding))

    def salvage_journals(self) -> dict[str, int]:
        """Set damaged journals of dead runs aside and go on with their good lines.

        Returns: journal -> how many damaged lines were left out; they stay in ``*.damaged``.
        """
        names = [name for name in journal_names(self._root) if name not in self._journals]
        with disk_errors(self._root, "the damaged journals are as they were"):
            left_out = {name: salvage_journal(self._path(name)) for name in names}
        return {name: lines for name, lines in left_out.items() if lines}

    def start_vector_journal(self, run_id: str, encoder_id: str) -> VectorJournal:
        """A new journal of what a server is paid for; ``run_id`` is new, too."""
        with disk_errors(self._root, "no journal was started"):
            return VectorJournal(self._root, safe_name("run id", run_id), encoder_id)

    def recover_vectors(self) -> int:
        """Commit what dead runs journalled of vectors, and remove their journals.

        Returns: how many texts have a vector by that which had none.
        Raises: CorruptError, for a damaged journal, or one of an encoder whose record is lost.
        """
        before = self._n_vectors()
        for path in vector_journals(self._root):
            for encoder_id, replies in _by_encoder(read_vector_journal(path)).items():
                if encoder_id not in self._snapshot.encoders():
                    raise CorruptError(
                        f"{path}: wanted vectors of an encoder that the store knows, got those of "
                        f"{encoder_id}",
                        Remedy.REPAIR,
                    )
                texts = [text for reply in replies for text in reply.texts]
                vectors = np.concatenate([reply.vectors for reply in replies])
                table = embedding_table(texts, vectors, n_tokens=None, max_tokens=None)
                self.commit({"texts": text_table(texts)}, embeddings={encoder_id: table})
            self.remove_vector_journal(path)
        return self._n_vectors() - before

    def remove_vector_journal(self, path: Path) -> None:
        """Remove a journal whose vectors are all committed."""
        with disk_errors(self._root, "a journal that holds nothing new is still there"):
            path.unlink()

    def _n_vectors(self) -> int:
        parts = self._snapshot.manifest.embeddings.values()
        return sum(part.rows for group in parts for part in group)

    def narrow(self, id_range: TextIdRange) -> None:
        """Until the next call, commit texts and embeddings of this range only.

        Memory then does not grow with the texts of the store, and a commit takes no longer.
        """
        self._known.narrow(id_range)

    def commit(
        self,
        tables: Mapping[str, pa.Table],
        embeddings: Mapping[str, pa.Table] | None = None,
        encoders: Mapping[str, Mapping[str, Any]] | None = None,
        retired_journals: Iterable[str] = (),
    ) -> Manifest:
        """Append the rows that are not there yet, all of them or none.

        Args:
            embeddings: encoder id -> table of ``records.embedding_schema``.
            encoders: encoder id -> its record, which holds at least ``dim``; a record that is
                there already stays.
            retired_journals: names of journals whose every answer is committed with this call;
                they are closed, and removed once the manifest is live.

        Returns: the live manifest, the old one when there was nothing to add.
        Raises: LangSegError, for rows of a wrong shape, a journal that would be lost, or a disk
        that refuses; the store is then as it was, unless the message says otherwise.
        """
        retired = [name for name in sorted(set(retired_journals)) if self._path(name).exists()]
        self._check_retired(retired, tables.get("responses"))
        changes = Changes(tables, embeddings or {}, encoders or {}, tuple(retired))
        return commit_changes(self._snapshot, changes, self._known)

    def close(self) -> None:
        """Flush and close every journal; the files stay until a commit retires them."""
        with ExitStack() as stack:  # the others too, when the disk refuses one
            for journal in self._journals.values():
                stack.callback(journal.close)

    def _check_retired(self, retired: Sequence[str], responses: pa.Table | None) -> None:
        """A journal goes only when each of its answers is in the store: they were paid for."""
        for name in retired:
            safe_name("journal", name)
            own = self._journals.get(name)
            if own is not None:
                own.close()
                keys = set(own.responses)
            else:
                rows = read_journal(self._path(name))
                keys = {response_key(response) for _, response in rows}
            if responses is not None:
                keys -= set(joined_key(responses, KEYS["responses"]).to_pylist())
            lost = keys - self._committed(keys)
            if lost:
                raise LangSegError(
                    f"{self._path(name)}: wanted all its answers in the commit that retires it, "
                    f"{len(lost)} are missing; nothing was committed"
                )

    def _committed(self, keys: Iterable[str]) -> set[str]:
        """Which of these response keys are in the live snapshot."""
        wanted = pa.chunked_array([pa.array(list(keys), pa.string())])
        return self._known.in_table("responses", wanted) if len(wanted) else set()

    def _path(self, journal: str) -> Path:
        return journal_path(self._root, journal)


def _by_encoder(replies: Iterable[JournalledVectors]) -> dict[str, list[JournalledVectors]]:
    found: dict[str, list[JournalledVectors]] = {}
    for reply in replies:
        found.setdefault(reply.encoder_id, []).append(reply)
    return found
