"""The journal of vectors: those that a server was paid for, on disk before they count.

In:  texts and their vectors, as a server's replies bring them.
Out: one JSON line for each reply (``line_file``), which names its text encoder; later the rows
     that a store takes in.

The encoder's record is in the store before anything is journalled under its name.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langseg.cache.store.journal import JOURNALS
from langseg.cache.store.line_file import LineFile, read_lines, salvage_lines

VECTORS = ".vectors"  # not the suffix of answers: who asks an LLM has no use for these
_FLOATS = np.dtype("<f2")


@dataclass(frozen=True, eq=False)
class JournalledVectors:
    """One reply: texts and their unit rows [N, D]."""

    encoder_id: str
    texts: tuple[str, ...]
    vectors: NDArray[np.float16]


class VectorJournal:
    """One run's journal, open for appending. Made by ``StoreWriter.start_vector_journal``."""

    def __init__(self, root: Path, name: str, encoder_id: str) -> None:
        """Raises: FileExistsError, if the store has a journal of that name; OSError."""
        self.path = vector_journal_path(root, name)
        self._encoder_id = encoder_id
        self._file = LineFile(self.path)

    def append(self, texts: Sequence[str], vectors: NDArray[np.floating]) -> None:
        """When this returns, they survive a power cut. Raises: as ``LineFile.flush``."""
        rows = b64encode(vectors.astype(_FLOATS).tobytes()).decode()
        self._file.append({"encoder": self._encoder_id, "texts": list(texts), "emb": rows})
        self._file.flush()

    def close(self) -> None:
        """As ``LineFile.close``."""
        self._file.close()


def vector_journal_path(root: Path, name: str) -> Path:
    """Where a store keeps the journal of vectors of that name."""
    return root / JOURNALS / f"{name}{VECTORS}"


def vector_journals(root: Path) -> list[Path]:
    """Every journal of vectors that is there, in the order of the names."""
    return sorted((root / JOURNALS).glob(f"*{VECTORS}"))


def read_vector_journal(path: Path) -> list[JournalledVectors]:
    """The replies of a journal. Raises: as ``read_lines``."""
    return read_lines(path, _reply)


def salvage_vector_journal(path: Path) -> int:
    """As ``salvage_lines``."""
    return salvage_lines(path, _reply)


def _reply(document: Mapping[str, Any]) -> JournalledVectors:
    texts = tuple(document["texts"])
    rows = np.frombuffer(b64decode(document["emb"], validate=True), _FLOATS)
    vectors = rows.reshape(len(texts), -1).astype(np.float16)
    return JournalledVectors(document["encoder"], texts, vectors)
