"""Every form of foreign descriptors is read whole, or refused with the place that is wrong."""

import json
from contextlib import suppress
from pathlib import Path

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
        ("a.json", '{"wall": NaN}', r"NaN, which is no number"),
        ("a.json", '{"wall": [3.5]}', r"class 'wall', phrase 1: text: .*got 3\.5"),
        ("a.json", '{"wall": [["x"]]}', r"class 'wall', phrase 1: text: .*type list"),
        ("a.json", '{"wall": "x"}', r"class 'wall': wanted a list of phrases, got 'x'"),
        ("a.json", '{"wall": {"p": {"q": []}}}', r"class 'wall', prompt 'p': wanted a list"),
        ("a.json", '{" ": ["x"]}', r"wanted a class's name"),
        ("a.json", '"wall"', r"neither a list nor an object but 'wall'"),
        ("a.json", '["wall"]', r"row 1: wanted an object, got 'wall'"),
        ("a.json", '[{"text": "x"}]', r"row 1: wanted a class_name or a class_id, got neither"),
        ("a.json", '[{"class_name": "x"}]', r"row 1: text: wanted a phrase, got None"),
        ("a.json", "[" * 100_000, r"recursion"),
        ("a.json", '{"wall": ["' + "x" * (MAX_TEXT_CHARS + 1) + '"]}', r"at most 1000 .* got 1001"),
        ("a.json", '{"' + "w" * 201 + '": ["x"]}', r"class's name of at most 200 .* got 201"),
        ("a.json", '[{"class_id": -1, "text": "x"}]', r"class_id: wanted a whole number .* got -1"),
        ("a.json", '[{"class_id": true, "text": "x"}]', r"class_id: .* got True"),
        ("a.json", '[{"class_id": 1' + "0" * 5000 + ', "text": "x"}]', r"digits|of type int"),
        ("a.jsonl", '{"class_name": "a", "text": "b"}\n{', r"line 2: "),
        ("a.jsonl", "[1]", r"line 1: wanted an object"),
        ("a.jsonl", '\n{"class_name": "a", "text": "b", "slot": 3}', r"line 2: slot: wanted text"),
        ("a.csv", "name,phrase\na,b\n", r"line 1: wanted the columns .*, got name, phrase"),
        ("a.csv", "class_name,text,text\na,b,c\n", r"line 1: .*'text' twice"),
        ("a.csv", "class_name,text\na,b, c\n", r"line 2: 3 cells for 2 columns"),
        ("a.csv", 'class_name,text\na,b\na,"b', r"line 3: "),
        ("a.csv", "class_id,text\nx1,b\n", r"line 2: class_id: .* got 'x1'"),
        ("a.csv", "class_name,text\na\n", r"line 2: text: wanted a phrase, got None"),
        ("a.csv", "", r"line 1: .*got none"),
        ("a.txt", "wall", r"ending in json, jsonl, csv"),
        ("a.json", "\ud800", r"got another encoding \(byte 0 .*; save it as UTF-8$"),
        (
            "a.csv",
            "class_name;text\na;b\n",
            r"got class_name;text; save it as comma-separated UTF-8$",
        ),
        ("a.csv", '"class_name";"text"\n', r"line 1: .*; save it as comma-separated UTF-8$"),
        ("a.csv", "class_name\ttext\n", r"save it as comma-separated UTF-8$"),
        ("a.csv", ";".join(["class_name"] * 60), r"…; save it as comma-separated UTF-8$"),
        ("a.csv", "text\n", r"class_id\) and text, got text$"),
        (
            "a.jsonl",
            "[1]\n2\n3\n4",
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
        "line 4: text: wanted a phrase, got None",
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


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252"])
def test_table_in_another_encoding__is_told_how_to_save_it(encoding: str):
    table = "class_name,text\nwall,façade of bricks\n".encode(encoding)
    with pytest.raises(
        InputError, match=r"^a\.csv: wanted csv .*; save it as comma-separated UTF-8$"
    ):
        parse_foreign(table, "a.csv")


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
        ("bed_outdoor", None), ("bed/interior", None), ("bed (flower)", None), ("bed-time", None),
        ("fences", "fence"), ("Traffic Lights", "traffic light"), ("double doors", None),
    ],
)  # fmt: skip
def test_name__is_a_class_or_none_never_one_of_two(label: str, name: str | None):
    bed = ForeignPhrase(text="low frame", class_name="bed")
    found = match(bed, ForeignPhrase(text="x y", class_name=label))
    assert [pair[0] for pair in found.lists] == [*([name] if name else []), "bed"]
    assert list(found.unknown) == ([] if name else [label])


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
