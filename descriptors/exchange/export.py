"""Lay the descriptors of a vocabulary out for others: JSONL, CSV, Parquet, a Hugging Face dataset.

In:  what the bank of a vocabulary would hold, and the requests and responses it comes from.
Out: rows, and the bytes of each form; each row says which request, of which model, it is from.

The rows are the bank's phrases but for the classes' own names, which are a column. ``foreign``
reads each form but Parquet back to the same texts.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from io import BytesIO, StringIO

import pyarrow as pa

from langseg.cache.keys import text_id
from langseg.cache.records import Descriptor, Request, Response
from langseg.descriptors.bank.build import class_phrases
from langseg.descriptors.exchange.imported_rows import guarded_cell
from langseg.descriptors.phrases.characters import printable
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

SERVED_CHARS = 300


@dataclass(frozen=True, kw_only=True)
class ExportRow:
    """``class_id`` counts from 0 in the vocabulary's order, whatever the label files hold.
    ``source`` is the provider; ``model`` and the rest are of the stored request."""

    class_id: int
    class_name: str
    scene: str
    subclass: str | None
    slot: str
    text: str
    source: str
    model: str
    prompt_id: str
    request_key: str
    served_model: str


COLUMNS = tuple(field.name for field in fields(ExportRow))
SCHEMA = pa.schema(
    [
        pa.field(name, pa.int32() if name == "class_id" else pa.string(), name == "subclass")
        for name in COLUMNS
    ]
)


def export_rows(
    vocabulary: Vocabulary,
    descriptors: Iterable[Descriptor],
    texts: Mapping[str, str],
    requests: Mapping[str, Request],
    responses: Mapping[str, Response],
) -> Iterator[ExportRow]:
    """The phrases of the bank, class by class, in its order.

    Args:
        descriptors: of the selected requests.
        texts: text_id -> text.
        requests, responses: request_key -> the request, and its newest accepted response.
    """
    rows = sorted(descriptors, key=lambda row: (row.rank, row.descriptor_id))
    request_of: dict[tuple[str, ...], str] = {}
    for row in rows:
        key = (row.class_name, row.text_id, row.slot, row.subclass, row.scene)
        request_of.setdefault(key, row.request_key)
    phrases = class_phrases(vocabulary, rows, texts)
    for class_id, entry in enumerate(vocabulary.classes):
        for phrase in phrases[entry.name][1:]:  # the first is the class's own name
            about = (phrase.slot, phrase.owner, phrase.scene)
            request = requests[request_of[entry.name, text_id(phrase.text), *about]]
            response = responses[request.request_key]
            yield ExportRow(
                class_id=class_id,
                class_name=entry.name,
                scene=phrase.scene,
                subclass=phrase.owner or None,
                slot=phrase.slot,
                text=phrase.text,
                source=response.provider,
                model=request.model,
                prompt_id=request.prompt_id,
                request_key=request.request_key,
                served_model=printable(response.served_model, SERVED_CHARS),
            )


def jsonl_bytes(rows: Iterable[ExportRow]) -> bytes:
    """A JSON object a line."""
    lines = (json.dumps(asdict(row), ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def csv_bytes(rows: Iterable[ExportRow]) -> bytes:
    """Cells that a spreadsheet would run as a formula begin with ``'``; null is an empty cell."""
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = asdict(row).values()
        writer.writerow(guarded_cell("" if v is None else str(v)) for v in values)
    return text.getvalue().encode()


def parquet_bytes(rows: Sequence[ExportRow]) -> bytes:
    """One Parquet file with the columns of ``SCHEMA``, page checksums included."""
    import pyarrow.parquet as pq

    file = BytesIO()
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)
    pq.write_table(table, file, compression="zstd", write_page_checksum=True)
    return file.getvalue()
