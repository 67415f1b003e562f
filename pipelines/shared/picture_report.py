"""What labelled pictures say of a set's phrases, as it is told, and kept for ``bank``.

In:  what ``judge_phrases`` found, or a file of it.
Out: a PictureReport; Parquet, a row for each phrase; which phrases of a file mislead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from langseg.cache.errors import InputError
from langseg.cache.files import make_folder, write_atomic

if TYPE_CHECKING:
    from langseg.segmenter.comparison.phrases import JudgedPhrase

PICTURE_COLUMNS = ("class", "phrase", "regions", "wins", "right", "AUC", "", "nearest other")


@dataclass(frozen=True, kw_only=True)
class PictureReport:
    """Of the bank of a fingerprint, by ``pictures`` with ``regions``: ``found`` of hidden regions,
    in 0..1, averaged over the ``classes`` that were hidden, beside ``chance``; how many phrases
    ``never_win`` and ``mislead``; ``phrases``, the worst first."""

    bank: str
    pictures: int
    regions: int
    found: float
    interval: tuple[float, float]
    chance: float
    classes: int
    never_win: int
    mislead: int
    phrases: "Sequence[JudgedPhrase]"
    sentence: str


def picture_rows(report: PictureReport, rows: int) -> list[tuple[object, ...]]:
    """The worst phrases, under ``PICTURE_COLUMNS``."""
    return [
        (
            one.class_name,
            one.text,
            one.regions,
            one.wins,
            one.right,
            round(one.auc, 3),
            one.word,
            one.mistaken_for,
        )
        for one in report.phrases[:rows]
    ]


def write_phrases(file: Path, report: PictureReport) -> None:
    """``sql`` joins it with its view ``phrases`` by class_name and text, and so with the prompt."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([asdict(one) for one in report.phrases])
    buffer = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({b"bank": report.bank}), buffer)
    make_folder(file.parent)
    write_atomic(file, buffer.getvalue())


@dataclass(frozen=True)
class Misleading:
    """``aucs`` by (class, text) of what misleads, and which class that is ``mistaken_for``;
    ``sha256``: of the file that says so."""

    aucs: Mapping[tuple[str, str], float]
    mistaken_for: Mapping[tuple[str, str], str]
    sha256: str


def misleading(file: Path) -> Misleading:
    """Raises: InputError, for a file that ``audit --phrases`` did not write."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = ["class_name", "text", "word", "auc", "mistaken_for"]
    try:
        data = file.read_bytes()
        table = pq.read_table(pa.BufferReader(data), columns=columns)
        if table.column_names != columns:
            raise KeyError("other columns")
    except (OSError, pa.ArrowException, KeyError) as exc:
        raise InputError(
            f"{file}: wanted the phrases that `langseg-desc audit --images DIR --labels DIR "
            f"--phrases FILE` judged, got {str(exc).splitlines()[0]}"
        ) from exc
    rows = [row for row in table.to_pylist() if row["word"] == "misleads"]
    keys = [(row["class_name"], row["text"]) for row in rows]
    return Misleading(
        aucs={key: row["auc"] for key, row in zip(keys, rows, strict=True)},
        mistaken_for={key: row["mistaken_for"] for key, row in zip(keys, rows, strict=True)},
        sha256=sha256(data).hexdigest(),
    )
