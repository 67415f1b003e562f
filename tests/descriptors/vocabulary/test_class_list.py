"""A class list means the same in every format, and no part of it is left unread."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.class_list import parse_class_list
from langseg.descriptors.vocabulary.validation import check_classes
from tests.support.class_lists import listed, names, refusal


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        ("txt", "\ufeff# my rooms\nwall, partition\n\n sofa  bed # for guests\r\n"),
        ("csv", 'ID,Name,Synonyms\n1,wall,partition\n2," sofa  bed ",,\n'),
        ("json", '[{"name": "wall", "synonyms": ["partition"]}, "sofa bed"]'),
        ("yaml", "- {name: wall, synonyms: [partition, wall]}\n- sofa bed\n"),
        ("yml", "name: rooms\nclasses: [{name: wall, synonyms: [partition]}, sofa bed]\n"),
    ],
)
def test_classes_file__means_the_same_in_every_format(suffix: str, text: str, tmp_path: Path):
    found = listed(tmp_path, text, suffix)
    assert [(e.name, e.id, e.synonyms) for e in found.classes] == [
        ("wall", 1, ("partition",)), ("sofa bed", 2, ()),
    ]  # fmt: skip
    assert (found.name, found.ignore_ids, found.scenes) == ("rooms", (0, 255), {})


def test_bad_row_of_a_csv__has_the_line_number_of_the_file(tmp_path: Path):
    assert "row 3: " in refusal(tmp_path, "name\nwall\na|b\n", "csv")
    assert "no column 'name'" in refusal(tmp_path, "id\n1\n", "csv")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,synonym\nwall,screen\n", "row 1: unknown column 'synonym'"),
        ("name,id,\nwall,1,x\n", "row 1: column 3 has no name"),
        ("name,id,Name\nwall,1,sky\n", "row 1: column 'name' is there twice"),
        ("name,id\nwall,1\nsofa, bed,2\n", "row 3: 3 cells for 2 columns"),
    ],
)
def test_csv_with_cells_that_would_be_lost__is_refused_with_their_row(
    text: str, reason: str, tmp_path: Path
):
    assert reason in refusal(tmp_path, text, "csv")


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        ("txt", b"\xff\xfe"),
        ("json", b"[" * 100_000),
        ("json", b'"wall"'),
        ("json", b"[1" + b"0" * 9999 + b"]"),
        ("yaml", b"[" * 10_000),
        ("yaml", b"- &a [*a]\n- 0x" + b"f" * 9999),
        ("yaml", b"- !!python/object/apply:os.system [ls]"),
        ("csv", b'name\n"wall'),
        ("csv", b"\x00"),
        ("pt", b"wall"),
    ],
)
def test_file_that_is_no_class_list__is_an_input_error(suffix: str, data: bytes):
    with pytest.raises(InputError, match="list.x"):
        check_classes(parse_class_list(data, suffix, "list.x"), "list.x", default_name="x")


@pytest.mark.slow
@settings(deadline=None)  # a busy machine is no bug
@given(st.binary(max_size=200), st.sampled_from(["txt", "csv", "json", "yaml"]))
def test_any_bytes__are_a_vocabulary_or_an_input_error(data: bytes, kind: str):
    try:
        found = check_classes(parse_class_list(data, kind, "x"), "x", default_name="x")
    except InputError:
        return
    assert all(1 <= len(name) <= 64 and name.isprintable() for name in names(found))
    assert len({name.casefold() for name in names(found)}) == len(found.classes)


def test_names_that_several_rows_have__are_told_apart_by_their_synonyms(tmp_path: Path):
    found = listed(tmp_path, '["screen, crt", "pot", "screen, silver screen", "pot, jar"]', "json")
    assert [(e.name, e.synonyms) for e in found.classes] == [
        ("crt", ("screen",)), ("pot", ()), ("screen", ("silver screen",)), ("jar", ("pot",)),
    ]  # fmt: skip
    assert "'screen' of row 1 is 'crt' here" in found.read_as
