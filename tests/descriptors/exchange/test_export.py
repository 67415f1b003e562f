"""What is exported is what the bank holds, in every form, and comes back as the same texts."""

import csv
import json
import string
from dataclasses import asdict, replace
from io import BytesIO, StringIO
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.records import SLOTS, Descriptor
from langseg.descriptors.bank.build import class_phrases
from langseg.descriptors.exchange.dataset_card import DATA_FILE, dataset_card, is_own_card
from langseg.descriptors.exchange.export import (
    COLUMNS,
    SCHEMA,
    ExportRow,
    csv_bytes,
    export_rows,
    jsonl_bytes,
    parquet_bytes,
)
from langseg.descriptors.exchange.imported_file import ForeignPhrase, ForeignSet, parse_foreign
from langseg.descriptors.prompts.replies import parse_reply
from langseg.descriptors.providers.imported import ImportProvider
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

ROOMS = Vocabulary(
    name="rooms",
    classes=tuple(ClassEntry(name=n, id=7 * i) for i, n in enumerate(("sky", "wall", "-bed"), 1)),
    ignore_ids=(0, 255),
    scenes={"kitchen": ("wall",)},
)
PHRASES = (
    ForeignPhrase(text="low soft rectangle", class_name="-bed", slot="shape"),
    ForeignPhrase(text="rows of reddish blocks", class_name="wall"),
    ForeignPhrase(text="greasy tiles", class_name="wall", scene="kitchen", slot="material"),
    ForeignPhrase(text="grid of glossy squares", class_name="wall", subclass="tiled wall"),
)


def exported(found: ForeignSet, vocabulary: Vocabulary = ROOMS) -> list[ExportRow]:
    """The rows that an export of nothing but this import has."""
    provider = ImportProvider(found, vocabulary)
    requests, responses = {}, {}
    descriptors: list[Descriptor] = []
    texts: dict[str, str] = {}
    for request in provider.plan:
        response = provider._response(request, provider._replies[request.request_key], 0.0)
        reply = parse_reply(response.raw_text, request)
        requests[request.request_key], responses[request.request_key] = request, response
        descriptors += reply.rows
        texts |= {text.text_id: text.text for text in reply.texts}
    rows = list(export_rows(vocabulary, descriptors, texts, requests, responses))
    bank = class_phrases(vocabulary, descriptors, texts)
    assert [(r.class_name, r.text, r.slot, r.subclass or "", r.scene) for r in rows] == [
        (name, p.text, p.slot, p.owner, p.scene) for name, own in bank.items() for p in own[1:]
    ]
    return rows


def a_set(*phrases: ForeignPhrase) -> ForeignSet:
    return ForeignSet(file="mine.jsonl", form="f", sha256="ab" * 32, phrases=phrases)


ROWS = exported(a_set(*PHRASES))


def test_rows__are_the_banks_phrases_with_0_based_ids_and_their_requests():
    rows = [(r.class_id, r.class_name, r.scene, r.subclass, r.slot, r.text) for r in ROWS]
    assert rows == [
        (1, "wall", "*", None, "any", "rows of reddish blocks"),
        (1, "wall", "*", "tiled wall", "name", "tiled wall"),
        (1, "wall", "*", "tiled wall", "any", "grid of glossy squares"),
        (1, "wall", "kitchen", None, "material", "greasy tiles"),
        (2, "-bed", "*", None, "shape", "low soft rectangle"),
    ]
    assert {(row.source, row.model) for row in ROWS} == {("import", "import:mine")}
    assert len({row.request_key for row in ROWS}) == 3
    assert all("no LLM was called" in row.served_model for row in ROWS)


def test_jsonl__has_an_object_a_line_with_null_where_there_is_no_subclass():
    lines = jsonl_bytes(ROWS).decode().splitlines()
    assert [json.loads(line) for line in lines] == [asdict(row) for row in ROWS]
    assert list(json.loads(lines[0])) == list(COLUMNS)
    assert json.loads(lines[0])["subclass"] is None


def test_csv__has_no_cell_that_a_spreadsheet_runs():
    hostile = replace(ROWS[0], class_name="=1+1", model="@SUM(A1)", served_model="\t-2")
    starts = [replace(ROWS[0], text=f"{mark}1+1", subclass=f" {mark}A1") for mark in "=+-@"]
    cells = list(csv.reader(StringIO(csv_bytes([*ROWS, hostile, *starts]).decode(), newline="")))
    assert cells[0] == list(COLUMNS)
    assert cells[5][1] == "'-bed"
    assert not [c for row in cells for c in row if c.lstrip().startswith(("=", "+", "-", "@"))]


def test_parquet__has_the_columns_and_types_that_are_promised():
    table = pq.read_table(BytesIO(parquet_bytes(ROWS)), page_checksum_verification=True)
    assert table.schema.equals(SCHEMA)
    assert table.to_pylist() == [asdict(row) for row in ROWS]
    assert pq.read_table(BytesIO(parquet_bytes([]))).schema.names == list(COLUMNS)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_export__comes_back_as_the_same_rows(form: str):
    data = {"jsonl": jsonl_bytes, "csv": csv_bytes}[form](ROWS)
    again = exported(parse_foreign(data, f"mine.{form}"))
    assert list(map(content, again)) == list(map(content, ROWS))
    assert "its rows name the source 'import'" in again[0].served_model


def content(row: ExportRow) -> tuple[object, ...]:
    return row.class_id, row.class_name, row.scene, row.subclass, row.slot, row.text


# few words with marks: a set that is full of them is another language, and the checks drop it
WORDS = st.text(
    st.sampled_from(string.ascii_letters + "'\"(,;.-° 2"), min_size=1, max_size=12
) | st.sampled_from(["café", "ﬁne", "\u2019s"])
LISTS = st.lists(
    st.builds(
        ForeignPhrase,
        text=st.lists(WORDS, min_size=1, max_size=4).map(" ".join),
        class_name=st.sampled_from(["wall", "sky", "-bed"]),
        scene=st.sampled_from(["*", "*", "kitchen"]),
        subclass=st.sampled_from(["", "", "tiled wall", "night"]),
        slot=st.sampled_from(["any", *SLOTS]),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(LISTS, st.sampled_from(["jsonl", "csv"]))
def test_any_export__comes_back_as_the_same_rows(phrases: list[ForeignPhrase], form: str):
    anchor = ForeignPhrase(text="plain flat plaster", class_name="wall")
    rows = exported(a_set(anchor, *phrases))
    data = {"jsonl": jsonl_bytes, "csv": csv_bytes}[form](rows)
    again = exported(parse_foreign(data, f"mine.{form}"))
    assert list(map(content, again)) == list(map(content, rows))


def card(rows: list[ExportRow]) -> tuple[dict[str, Any], str]:
    text = dataset_card(ROOMS, rows, manifest="000007.json", version="0.1.0")
    _, front, body = text.split("---\n", 2)
    return yaml.safe_load(front), body


def test_card__tells_hugging_face_where_the_data_is_and_under_what_terms():
    front, _ = card(ROWS)
    (config,) = front["configs"]
    assert config["data_files"] == [{"split": "train", "path": DATA_FILE}]
    assert (front["license"], front["size_categories"]) == ("unknown", ["n<1K"])
    bundled = [replace(row, source="bundled") for row in ROWS]
    assert card(bundled)[0]["license"] == "apache-2.0"
    assert card([*bundled, ROWS[0]])[0]["license"] == "unknown"
    assert card(bundled * 300)[0]["size_categories"] == ["1K<n<10K"]


def test_card__tells_counts_authors_and_limits():
    _, body = card(
        [*ROWS, replace(ROWS[0], source="openai", model="gpt-x", served_model="gpt-x-1")]
    )
    assert "| classes | 3, of which 1 have no row |" in body
    assert "Without any row: `sky`." in body
    assert "| `openai` | `gpt-x` | `import_v1@" in body
    assert "written by a language model" in body
    assert "written by a language model" not in card(ROWS)[1]
    assert "000007.json" in body


def test_card__is_known_as_its_own_until_it_is_changed():
    text = dataset_card(ROOMS, ROWS, manifest="000007.json", version="0.1.0")
    assert is_own_card(text.encode())
    assert is_own_card(text.replace("\n", "\r\n").encode())
    for other in (
        "", "\n", "# Mine\n", "\xff", text.replace("unknown", "mit"), f"{text}\nMore.\n",
        text.splitlines()[-1] + "\n", text[:-10],
    ):  # fmt: skip
        assert not is_own_card(other.encode("latin-1", "replace")), other


def test_card__shows_a_hostile_server_as_text():
    nasty = "x` | <script>alert(1)</script>\n# Free money [here](http://x) \u202e"
    _, body = card([replace(ROWS[0], served_model=nasty, model=nasty)])
    (line,) = [line for line in body.splitlines() if "<script" in line]
    assert line.count("|") == 6
    assert line.count("`") == 8
    assert "\u202e" not in body
    assert "\n# Free" not in body
