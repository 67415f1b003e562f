"""Every form of foreign descriptors is read whole, or refused with the place that is wrong."""

import json
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langseg.cache.errors import InputError
from langseg.cache.keys import sha256_hex
from langseg.descriptors.exchange.imported_file import ForeignPhrase, ForeignSet, parse_foreign
from langseg.descriptors.exchange.imported_rows import guarded_cell, plain_cell
from langseg.descriptors.exchange.match import Match, match_classes
from langseg.descriptors.prompts.imported import MAX_TEXT_CHARS
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary


def read(text: str, file: str = "set.json") -> ForeignSet:
    return parse_foreign(text.encode("utf-8", "surrogatepass"), file)


def names_and_texts(found: ForeignSet) -> list[tuple[str, str]]:
    return [(phrase.class_name, phrase.text) for phrase in found.phrases]


SPEC = [("wall", "flat plaster"), ("wall", "rows of bricks"), ("sky", "pale blue expanse")]


@pytest.mark.parametrize(
    ("file", "text", "form"),
    [
        (
            "a.json",
            '{"wall": ["flat plaster", "rows of bricks"], "sky": ["pale blue expanse"]}',
            "JSON, class -> phrases",
        ),
        (
            "a.json",
            '{"wall": {"What is it?": ["flat plaster"], "And?": ["rows of bricks"]}, '
            '"sky": {"What is it?": ["pale blue expanse"], "And?": []}}',
            "JSON, class -> prompt -> phrases",
        ),
        (
            "a.json",
            '[{"class_name": "wall", "text": "flat plaster"}, {"class_name": "wall", '
            '"text": "rows of bricks"}, {"class_name": "sky", "text": "pale blue expanse"}]',
            "JSON rows",
        ),
        (
            "a.JSONL",
            '{"class_name": "wall", "text": "flat plaster"}\n\n{"class_name": "wall", '
            '"text": "rows of bricks"}\r\n{"class_name": "sky", "text": "pale blue expanse"}',
            "JSONL rows",
        ),
        (
            "a.csv",
            "\ufeffclass_name,Text\nwall,flat plaster\n\nwall,rows of bricks\n"
            'sky,"pale blue expanse"\n',
            "CSV",
        ),
    ],
)
def test_form__is_read_to_the_same_phrases(file: str, text: str, form: str):
    found = read(text, file)
    assert names_and_texts(found) == SPEC
    assert found.form == form
    assert found.sha256 == sha256_hex(text)
    assert {(p.scene, p.slot, p.subclass, p.class_id) for p in found.phrases} == {
        ("*", "any", "", None)
    }


@pytest.mark.parametrize(
    ("file", "document"),
    [
        ("a.json", {"wall": "flat plaster; rows of bricks", "sky": "pale blue expanse"}),
        ("a.json", {"wall": "- flat plaster\n- rows of bricks", "sky": "1. pale blue expanse"}),
        ("a.json", {"wall": {"texture": ["flat plaster"], "part": "rows of bricks"},
                    "sky": {"Color": "pale blue expanse"}}),
        ("a.json", {"wall": {"descriptors": ["flat plaster", "rows of bricks"], "n": 2},
                    "sky": {"descriptors": ["pale blue expanse"]}}),
        ("a.json", {"wall": [{"description": "flat plaster"}, {"description": "rows of bricks"}],
                    "sky": [{"description": "pale blue expanse"}]}),
        ("a.json", {"model": "m", "descriptors": {"wall": ["flat plaster", "rows of bricks"],
                                                  "sky": ["pale blue expanse"]}}),
        ("a.json", {"classes": [{"name": "wall", "attributes": ["flat plaster", "rows of bricks"]},
                                {"name": "sky", "attributes": ["pale blue expanse"]}]}),
        ("a.json", [{"class": "wall", "phrases": ["flat plaster", "rows of bricks"]},
                    {"class": "sky", "phrases": ["pale blue expanse"]}]),
        ("a.json", {"rows": [
            {"row_idx": 0, "row": {"label": "wall", "texts": ["flat plaster", "rows of bricks"]}},
            {"row_idx": 1, "row": {"label": "sky", "texts": "pale blue expanse"}}]}),
        ("a.json", {"columns": ["label", "caption"], "index": [0, 1, 2], "data": [
            ["wall", "flat plaster"], ["wall", "rows of bricks"], ["sky", "pale blue expanse"]]}),
        ("a.json", {"label": {"0": "wall", "1": "wall", "2": "sky"}, "text": {
            "0": "flat plaster", "1": "rows of bricks", "2": "pale blue expanse"}}),
        ("a.json", {"classes": ["wall", "sky"], "descriptors": [
            ["flat plaster", "rows of bricks"], ["pale blue expanse"]]}),
        ("a.json", {"0": {"label": "wall", "text": "flat plaster"}, "1": {"label": "wall",
                    "text": "rows of bricks"}, "2": {"label": "sky", "text": "pale blue expanse"}}),
        ("a.json", {"schema": {"fields": []}, "data": [
            {"index": 0, "category": "wall", "sentence": "flat plaster"},
            {"index": 1, "category": "wall", "sentence": "rows of bricks"},
            {"index": 2, "category": "sky", "sentence": "pale blue expanse"}]}),
        ("a.jsonl", '{"wall": ["flat plaster", "rows of bricks"]}\n'
                    '{"sky": ["pale blue expanse"]}'),
        ("a.json", '{"label": "wall", "descriptions": ["flat plaster", "rows of bricks"], "x": NaN}'
                   '\n{"label": "sky", "descriptions": ["pale blue expanse"], "x": Infinity}'),
        ("a.jsonl", '[{"label": "wall", "prompts": ["flat plaster", "rows of bricks"]},\n'
                    '{"label": "sky", "prompts": ["pale blue expanse"]}]'),
        ("a.csv", "label,description_1,description_2\nwall,flat plaster,rows of bricks\n"
                  "sky,pale blue expanse,\n"),
        ("a.csv", ",Class,Descriptors\n0,wall,\"['flat plaster', 'rows of bricks']\"\n"
                  '1,sky,"[""pale blue expanse""]"\n'),
        ("a.json", [{"class": "wall", "response": "Sure:\n1. flat plaster\n2. rows of bricks"},
                    {"class": "sky", "response": '```json\n["pale blue expanse"]\n```'}]),
        ("a.json", [{"class": "wall", "descriptors": "flat plaster; rows of bricks"},
                    {"class": "sky", "descriptors": "pale blue expanse"}]),
        ("a.yaml", "wall:\n- flat plaster\n- rows of bricks\nsky: pale blue expanse\n"),
    ],
)  # fmt: skip
def test_layout__of_any_author_is_read_to_the_same_phrases(file: str, document: object):
    text = document if isinstance(document, str) else json.dumps(document)
    found = read(text, file)
    assert names_and_texts(found) == SPEC
    assert found.bad == ()


@pytest.mark.parametrize(
    "content",
    [
        '{"descriptors": ["flat plaster", "rows of bricks"]}',
        '```json\n["flat plaster", "rows of bricks"]\n```',
        '{"wall": ["flat plaster", "rows of bricks"]}',
        '{"attributes": [{"slot": "texture", "text": "flat plaster"}], "subclasses": '
        '[{"name": "brick wall", "parent": "wall", "descriptors": ["rows of bricks"]}]}',
        "Useful features are:\n- flat plaster\n- rows of bricks",
        "flat plaster\nrows of bricks",
    ],
)
@pytest.mark.parametrize("form", ["openai", "responses", "anthropic", "completion"])
def test_reply__of_a_batch_is_read_with_its_custom_id_as_class(content: str, form: str):
    row: dict[str, object] = {"custom_id": "wall", "error": None}
    if form == "openai":
        body: object = {"choices": [{"message": {"role": "assistant", "content": content}}]}
        row["response"] = {"status_code": 200, "body": body}
    elif form == "responses":
        body = {"output": [{"type": "message", "content": [{"text": content}]}]}
        row["response"] = {"status_code": 200, "body": body}
    elif form == "anthropic":
        message = {"content": [{"type": "text", "text": content}]}
        row["result"] = {"type": "succeeded", "message": message}
    else:
        row = {"class_name": "wall", "choices": [{"message": {"content": content}}]}
    found = read(json.dumps(row), "a.jsonl")
    assert names_and_texts(found) == SPEC[:2]


def test_reply__that_failed_is_a_bad_row_and_a_question_or_a_key_of_ours_is_refused():
    body = {"choices": [{"message": {"content": '["flat plaster"]'}}]}
    good = {"custom_id": "wall", "response": {"body": body}}
    failed = {"custom_id": "sky", "response": {"status_code": 500, "body": {"error":
              {"message": "overloaded"}}}}  # fmt: skip
    found = read("\n".join(map(json.dumps, (good, failed))), "a.jsonl")
    assert found.bad == ("line 2, custom_id 'sky': the request failed with status 500: overloaded",)
    refused: list[tuple[dict[str, object], str]] = [
        ({"custom_id": "wall", "body": {"messages": []}}, "holds questions, no answers"),
        ({"custom_id": "ab" * 32, **body}, "a request of LangSeg's own"),
        (dict(body), "wanted the class of a reply"),
        ({"custom_id": "wall", "result": {"type": "errored", "error": "x"}}, "ended as errored: x"),
        ({"custom_id": "wall", "choices": []}, "an empty answer"),
    ]
    for row, reason in refused:
        with pytest.raises(InputError, match=reason):
            read(json.dumps(row), "a.jsonl")


def test_phrase__is_freed_of_what_a_program_or_a_model_put_around_it():
    found = read(
        json.dumps({"wall": ["red &amp; white", "&lt;5 cm wide", "- hinged lid", "2) a flag",
                             "**flat** top", "top â€“ often red", "it\u00e2\u20ac\u2122s small",
                             "cafÃ© style", "½ &frac12;", "3 legs", "<b>bold</b> top"]})
    )  # fmt: skip
    assert [phrase.text for phrase in found.phrases] == [
        "red & white", "<5 cm wide", "hinged lid", "a flag", "flat top", "top – often red",
        "it’s small", "café style", "½ ½", "3 legs", "<b>bold</b> top",
    ]  # fmt: skip
    assert found.mended == {"HTML entity": 3, "list mark": 3, "misread UTF-8": 3}


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("a.xlsx", "a spreadsheet: save its sheet as CSV"), ("a.pkl", "would run code"),
        ("a.npy", "would run code"), ("a.pt", "would run code"), ("a.gz", "packed: unpack it"),
        ("a.arrow", "Dataset.to_parquet"), ("a.safetensors", "numbers: write the phrases"),
    ],
)  # fmt: skip
def test_file__of_another_kind_is_refused_with_the_way_out(file: str, reason: str):
    with pytest.raises(InputError, match=reason):
        parse_foreign(b"\x80\x04", file)


def test_parquet__is_read_by_its_columns_lists_included():
    rows = [
        {"label": "wall", "descriptors": ["flat plaster", "rows of bricks"], "n": 1.0},
        {"label": "sky", "descriptors": ["pale blue expanse"], "n": None},
    ]
    file = BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    found = parse_foreign(file.getvalue(), "a.parquet")
    assert (found.form, names_and_texts(found), found.ignored) == ("Parquet", SPEC, ("n",))
    for data, reason in ((b"PAR1", "cannot be read"), (file.getvalue()[:200], "cannot be read")):
        with pytest.raises(InputError, match=reason):
            parse_foreign(data, "a.parquet")


def test_keys__that_are_the_classes_places_are_class_ids():
    found = read('{"0": ["flat plaster"], "2": ["pale blue expanse"]}')
    assert [(p.class_id, p.class_name) for p in found.phrases] == [(0, ""), (2, "")]


def test_row__keeps_what_it_says_and_tells_what_was_not_read():
    row = {
        "class_id": 7, "class_name": "Wall", "scene": "kitchen", "subclass": "tiled wall",
        "slot": "Texture", "text": " glossy  squares ", "source": "GPT-3", "model": "m",
        "score": 0.5,
    }  # fmt: skip
    found = read(json.dumps(row), "a.jsonl")
    (phrase,) = found.phrases
    assert phrase == ForeignPhrase(
        text=" glossy  squares ",
        class_name="Wall",
        class_id=7,
        scene="kitchen",
        subclass="tiled wall",
        slot="texture",
        source="GPT-3",
    )
    assert found.ignored == ("score",)
    (by_id,) = read("class_id,text,slot\n7,glossy squares,\n", "a.csv").phrases
    assert (by_id.class_id, by_id.class_name, by_id.slot) == (7, "", "any")


def test_class_without_a_phrase__is_listed():
    found = read('{"wall": [], "sky": null, "sea": {"prompt": []}, "bed": ["low frame"]}')
    assert (found.empty, len(found.phrases)) == (("wall", "sky", "sea"), 1)


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("a.json", '{"wall": ["x"', r"line 1 column"),
        ("a.json", '{"wall": ["x"], "wall": ["y"]}', r"the key 'wall' twice"),
        ("a.json", '{"wall": [3.5]}', r"class 'wall', phrase 1: text: .*got 3\.5"),
        ("a.json", '{"wall": [["x"]]}', r"class 'wall', phrase 1: text: .*type list"),
        ("a.json", '{"wall": 7}', r"class 'wall': wanted a list of phrases, got 7"),
        ("a.json", '{"wall": {"p": {"q": []}}}', r"class 'wall', prompt 'p': wanted a list"),
        ("a.json", '{"wall": ["x", ]}', r"line 1 column 16: a comma behind the last item; take"),
        ("a.json", "{'wall': ['x']}", r"as Python prints them; use json\.dump"),
        ("a.json", '{"1": ["x"], "2": ["y"]}', r"keys 1, 2 in the place of names.* count from 0"),
        (
            "a.json",
            '[{"class_name": "wall", "text": NaN}]',
            r"row 1: text: wanted a phrase, got nan",
        ),
        ("a.json", '[{"class_name": "wall", "text": null}]', r"text: wanted a phrase, got None"),
        ("a.json", '[{"class_name": NaN, "text": "x"}]', r"class_id, got neither among"),
        ("a.json", '[{"kind": "wall", "look": "x"}]', r"got None under the keys kind, look"),
        ("a.json", '{" ": ["x"]}', r"wanted a class's name"),
        ("a.json", '"wall"', r"neither a list nor an object but 'wall'"),
        ("a.json", '["wall"]', r"row 1: wanted an object .*, got 'wall'"),
        ("a.json", '[{"text": "x"}]', r"row 1: wanted a class_name or a class_id, got neither"),
        ("a.json", '[{"class_name": "x"}]', r"row 1: text: wanted a phrase, got None"),
        ("a.json", "[" * 100_000, r"recursion"),
        ("a.json", '{"wall": ["' + "x" * (MAX_TEXT_CHARS + 1) + '"]}', r"at most 1000 .* got 1001"),
        ("a.json", '{"' + "w" * 201 + '": ["x"]}', r"class's name of at most 200 .* got 201"),
        ("a.json", '[{"class_id": -1, "text": "x"}]', r"class_id: wanted a whole number .* got -1"),
        ("a.json", '[{"class_id": true, "text": "x"}]', r"class_id: .* got True"),
        ("a.json", '[{"class_id": 1' + "0" * 5000 + ', "text": "x"}]', r"digits|of type int"),
        ("a.jsonl", '{"class_name": "a", "text": "b"}\n{', r"line 2: "),
        ("a.jsonl", "[1]", r"row 1: wanted an object"),
        ("a.jsonl", '\n{"class_name": "a", "text": "b", "slot": 3}', r"line 2: slot: wanted text"),
        ("a.csv", "kind,look\na,b\n", r"line 1: wanted the columns .*, got kind, look"),
        ("a.csv", "class_name,text,text\na,b,c\n", r"line 1: .*'text' twice"),
        ("a.csv", "class_name,text\na,b, c\n", r"line 2: 3 cells for 2 columns"),
        ("a.csv", 'class_name,text\na,b\na,"b', r"line 3: "),
        ("a.csv", "class_id,text\nx1,b\n", r"line 2: class_id: .* got 'x1'"),
        ("a.csv", "class_name,text\na\n", r"line 2: text: wanted a phrase, got ''"),
        ("a.csv", "", r"line 1: .*got none"),
        ("a.txt", "wall", r"ending in json, jsonl, ndjson, csv, tsv, yaml, yml, parquet$"),
        ("a.json", "\ud800", r"got another encoding \(byte 0 .*; save it as UTF-8$"),
        ("a.csv", ";".join(["class_name"] * 60), r"got 'class_name' twice$"),
        ("a.csv", "text\n", r"class_id\) and text, got text$"),
        ("a.yaml", "wall: [x", r"wanted yaml descriptors"),
        (
            "a.jsonl",
            "{}\n2\n3\n4",
            r"4 rows that are none beside 0 phrases: line 1: .* / line 3: ",
        ),
    ],
)
def test_broken_file__is_refused_in_one_printable_sentence_with_its_place(
    file: str, text: str, problem: str
):
    with pytest.raises(InputError, match=problem) as caught:
        read(text, file)
    message = str(caught.value)
    assert message.startswith(f"{file}: wanted ")
    assert message.isprintable()
    assert len(message) < 400


def test_row_that_is_no_phrase__is_left_out_and_told_with_its_place():
    found = read(
        "class_name,text,class_id\nwall,flat plaster,\nwall," + "x" * 1001 + ",\nsky\n"
        "wall,red,bricks,and more\nwall,rows of bricks,\nsky,pale blue expanse,\nsky,grey,0\n",
        "a.csv",
    )
    assert names_and_texts(found) == [*SPEC, ("sky", "grey")]
    assert found.bad == (
        "line 3: text: wanted at most 1000 characters, got 1001",
        "line 4: text: wanted a phrase, got ''",
        "line 5: 4 cells for 3 columns (a cell that holds a comma needs quotes)",
    )
    lists = read('{"wall": ["x", 3.5], "sky": {"p": {"q": []}, "r": ["grey", "blue"]}, "": 1}')
    assert names_and_texts(lists) == [("wall", "x"), ("sky", "grey"), ("sky", "blue")]
    assert [one.partition(": ")[0] for one in lists.bad] == [
        "class 'wall', phrase 2", "class 'sky', prompt 'p'", "class ''",
    ]  # fmt: skip


def test_file_with_more_bad_rows_than_phrases__is_refused():
    good, bad = '{"class_name": "wall", "text": "flat plaster"}', '{"name": "wall"}'
    assert len(read(f"{good}\n{bad}", "a.jsonl").bad) == 1
    with pytest.raises(InputError, match=r"2 rows that are none beside 1 phrases: line 2: text"):
        read(f"{good}\n{bad}\n{bad}", "a.jsonl")


@pytest.mark.parametrize(
    ("encoding", "form"),
    [
        ("utf-16", "CSV in UTF-16"), ("utf-16-le", "CSV in UTF-16"),
        ("cp1252", "CSV in Windows-1252"), ("utf-8-sig", "CSV"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_table__is_read_in_each_encoding_with_each_mark(encoding: str, form: str, mark: str):
    table = f"class_name{mark}text\r\nwall{mark}façade of bricks\r\n".encode(encoding)
    found = parse_foreign(table, "a.csv")
    assert (found.form, names_and_texts(found)) == (form, [("wall", "façade of bricks")])
    sep = f"sep={mark}\n".encode() + table if encoding == "utf-8" else table
    assert parse_foreign(sep, "a.tsv").phrases == found.phrases


@pytest.mark.parametrize("number", ["7.0", " 7.00 ", "7"])
def test_class_id__of_a_whole_float_is_that_number(number: str):
    (phrase,) = read(f"class_id,text\n{number},x y\n", "a.csv").phrases
    (same,) = read('[{"class_id": 7.0, "text": "x y"}]').phrases
    assert (phrase.class_id, same.class_id) == (7, 7)
    with pytest.raises(InputError, match=r"wanted a whole number from 0, got 1\.5"):
        read('[{"class_id": 1.5, "text": "x y"}]')


def test_hostile_file_name__reaches_no_message():
    with pytest.raises(InputError) as caught:
        read("{", "\x1b[2J\u202e.json")
    assert str(caught.value).isprintable()


@given(st.binary(max_size=60), st.sampled_from(["a.json", "a.jsonl", "a.csv"]))
def test_any_bytes__are_read_or_refused(data: bytes, file: str):
    with suppress(InputError):
        assert isinstance(parse_foreign(data, file), ForeignSet)


@given(st.text())
def test_guarded_cell__is_no_formula_and_comes_back_as_it_was(text: str):
    cell = guarded_cell(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert plain_cell(cell) == text


VOCABULARY = Vocabulary(
    name="rooms",
    classes=(
        ClassEntry(name="traffic light", id=1),
        ClassEntry(name="screen", id=2, synonyms=("door", "TV")),
        ClassEntry(name="door", id=3, synonyms=("double door", "gate")),
        ClassEntry(name="fence", id=4, synonyms=("gate",)),
        ClassEntry(name="bed", id=5),
    ),
    ignore_ids=(),
    scenes={"living room": ("bed",)},
)


def match(*phrases: ForeignPhrase, empty: tuple[str, ...] = ()) -> Match:
    found = ForeignSet(file="a.json", form="f", sha256="0", phrases=phrases, empty=empty)
    return match_classes(found, VOCABULARY)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("traffic light", "traffic light"), ("Traffic_Light", "traffic light"),
        ("traffic-light", "traffic light"), ("tv", "screen"), ("door", "door"),
        ("Double  Door", "door"), ("gate", None), ("lamp", None), ("", None),
        ("door/outdoor", "door"), ("traffic_light-outdoor", "traffic light"), ("gate/wild", None),
        ("001.Traffic_Light", "traffic light"), ("TrafficLight", "traffic light"),
        ("fence-7", "fence"), ("fence, hedge", "fence"), ("door, fence", None),
        ("double door / gate", None),
        ("bed_outdoor", None), ("bed/interior", None), ("bed (flower)", None), ("bed-time", None),
        ("fences", "fence"), ("Traffic Lights", "traffic light"), ("double doors", None),
    ],
)  # fmt: skip
def test_name__is_a_class_or_none_never_one_of_two(label: str, name: str | None):
    bed = ForeignPhrase(text="low frame", class_name="bed")
    found = match(bed, ForeignPhrase(text="x y", class_name=label))
    assert [pair[0] for pair in found.lists] == [*([name] if name else []), "bed"]
    assert list(found.unknown) == ([] if name else [label])


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("bow (weapon)", "bow_(weapon)"), ("bow weapon", None), ("bow", None),
        ("bow (ship)", None), ("wall", "wall-other-merged"), ("wall-other", None),
        ("car", "object--vehicle--car"), ("vehicle", None), ("bus", "bus/coach"),
        ("coaches", None), ("coach", "bus/coach"), ("Bus or Coach", "bus/coach"),
        ("buses", "bus/coach"), ("kitchen &amp; bath", "Kitchen & bath"),
    ],
)  # fmt: skip
def test_name__is_a_class_as_the_dataset_writes_it_or_as_it_is_said(label: str, name: str | None):
    names = (
        "bow_(weapon)", "bow_(ribbon)", "wall-other-merged", "object--vehicle--car", "bus/coach",
        "Kitchen & bath", "bed",
    )  # fmt: skip
    entries = tuple(ClassEntry(name=name, id=n) for n, name in enumerate(names, start=1))
    words = Vocabulary(name="mine", classes=entries, ignore_ids=(0,), scenes={})
    phrases = tuple(ForeignPhrase(text="x y", class_name=one) for one in ("bed", label))
    found = match_classes(ForeignSet(file="a", form="f", sha256="0", phrases=phrases), words)
    assert [pair[0] for pair in found.lists if pair[0] != "bed"] == ([name] if name else [])


def test_name__that_looks_like_a_plural_of_another_thing_is_no_class():
    words = Vocabulary(
        name="v",
        classes=(ClassEntry(name="glass", id=1), ClassEntry(name="-", id=2)),
        ignore_ids=(),
        scenes={},
    )
    phrases = tuple(ForeignPhrase(text="x y", class_name=name) for name in ("glass", "glasses"))
    foreign = ForeignSet(file="a.json", form="f", sha256="0", phrases=phrases)
    assert match_classes(foreign, words).unknown == {"glasses": 1}


def test_name__that_is_not_the_classs_own_is_told():
    labels = ("bed/outdoor", "TV", "Traffic_Light", "fence")
    found = match(*(ForeignPhrase(text="x y", class_name=label) for label in labels))
    assert found.renamed == {"bed/outdoor": "bed", "TV": "screen"}


def test_class_id__counts_from_0_in_the_vocabularys_order():
    found = match(ForeignPhrase(text="low frame", class_id=4), ForeignPhrase(text="x", class_id=5))
    assert list(found.lists) == [("bed", "*")]
    assert found.unknown == {"class_id 5": 1}


def test_class_id__that_is_another_class_than_the_name_is_told_and_the_name_taken():
    rows = ((4, "bed"), (0, "bed"), (0, "Bed"), (9, "TV"), (1, "TV"), (0, "lamp"))
    phrases = [ForeignPhrase(text="x y", class_id=n, class_name=name) for n, name in rows]
    found = match(*phrases)
    assert [len(own) for own in found.lists.values()] == [2, 3]
    assert found.disagreeing == {"0 (traffic light) for bed": 2, "9 (no class) for screen": 1}


def test_name_that_is_nearly_a_classs__is_told_with_that_class():
    labels = ("trafic_light", "duoble door", "lamp", "gate")
    bed = ForeignPhrase(text="low frame", class_name="bed")
    found = match(bed, *(ForeignPhrase(text="x y", class_name=label) for label in labels))
    assert found.guesses == {
        "trafic_light": ("traffic light",),
        "duoble door": ("door",),
        "gate": ("door", "fence"),
    }
    with pytest.raises(
        InputError, match=r"; did you mean 'traffic light' by 'trafic_light'\? If not, give the"
    ):
        match(ForeignPhrase(text="x y", class_name="trafic_light"))


def test_short_name__is_nearly_a_classs_only_with_its_very_letters():
    names = ("bar", "sand", "plant", "wall", "sky", "ceiling")
    entries = tuple(ClassEntry(name=name, id=n) for n, name in enumerate(names, start=1))
    words = Vocabulary(name="mine", classes=entries, ignore_ids=(0,), scenes={})
    labels = ("barn", "stand", "planet", "walll", "skyy", "celing")
    phrases = tuple(ForeignPhrase(text="x y", class_name=label) for label in ("bar", *labels))
    foreign = ForeignSet(file="a.json", form="f", sha256="0", phrases=phrases)
    guesses = match_classes(foreign, words).guesses
    assert guesses == {"walll": ("wall",), "skyy": ("sky",), "celing": ("ceiling",)}


def test_what_finds_no_place__is_told_by_name():
    found = match(
        ForeignPhrase(text="low frame", class_name="bed", scene="Living_Room"),
        ForeignPhrase(text="tall frame", class_name="door", scene="living room"),
        ForeignPhrase(text="soft frame", class_name="bed", scene="attic"),
        ForeignPhrase(text="dark glass", class_name="screen"),
        empty=("fence", "lamp", "bed"),
    )
    assert list(found.lists) == [("screen", "*"), ("bed", "living room")]
    assert found.unknown_pairs == {"door in living room": 1, "bed in attic": 1}
    assert (found.empty, found.unknown) == (("fence",), {"lamp": 0})
    assert found.missing == ("traffic light", "door")


@pytest.mark.parametrize("phrases", [(), (ForeignPhrase(text="x y", class_name="lamp"),)])
def test_file_about_none_of_the_classes__is_an_error(phrases: tuple[ForeignPhrase, ...]):
    with pytest.raises(InputError, match=r"^a\.json: wanted phrases about classes"):
        match(*phrases)


@pytest.mark.parametrize(
    ("file", "classes", "phrases", "empty"),
    [
        ("cupl_cifar10.json", 10, 300, ()),
        ("classify_by_description_places365.json", 364, 2108, ("corn_field",)),
    ],
)
def test_published_file__is_read_whole(
    shared_data: Path, file: str, classes: int, phrases: int, empty: tuple[str, ...]
):
    path = shared_data / "foreign_descriptors" / file
    found = parse_foreign(path.read_bytes(), file)
    assert len({phrase.class_name for phrase in found.phrases}) == classes
    assert (len(found.phrases), found.empty) == (phrases, empty)
