"""A template says text around the data: it can neither pass for data nor hang or break a run."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.errors import InputError, LangSegError, UsageError
from langseg.cache.keys import canonical_json
from langseg.cache.records import ANY_SCENE
from langseg.descriptors.phrases.spoken import spoken
from langseg.descriptors.prompts.prompt import Prompt, read_prompt
from langseg.descriptors.prompts.template import (
    Template,
    class_data,
    closing,
    closing_data,
    shipped_template,
    template_from_file,
)
from langseg.descriptors.vocabulary.vocabulary import ClassEntry
from tests.support.prompts import some_prompt

unhurried = settings(max_examples=50, deadline=None)
COUNTS = {"n_attributes": 8, "n_subclasses": 4, "n_per_subclass": 1, "n_scene_attributes": 3}
GOOD = "Scene: {{ scene | json }}"
texts = st.text(st.characters(exclude_categories=["Cs"]))
data = st.recursive(
    texts | st.integers() | st.booleans() | st.none(),
    lambda item: st.lists(item, max_size=4) | st.dictionaries(texts, item, max_size=4),
    max_leaves=8,
)
Write = Callable[..., Path]


def source(user: str = GOOD, system: str = "Be brief.") -> str:
    system_block = "{% block system %}" + system + "{% endblock %}"
    return system_block + "{% block user %}" + user + "{% endblock %}"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """``write(user=..., system=...)`` -> a template file."""

    def write(user: str = GOOD, system: str = "Be brief.", name: str = "mine.jinja") -> Path:
        path = tmp_path / name
        path.write_text(source(user, system), "utf-8")
        return path

    return write


def refusal(path: Path) -> LangSegError:
    """How a file is refused: one sentence, in no time."""
    started = time.monotonic()
    with pytest.raises(LangSegError) as caught:
        read_prompt(path, **COUNTS)
    message = str(caught.value)
    assert time.monotonic() - started < 2
    assert "\n" not in message
    assert len(message) < 500
    assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, OSError)
    return caught.value


@pytest.mark.slow
@unhurried
@given(st.dictionaries(st.text("ABCdef-", min_size=1), data, min_size=1, max_size=4))
def test_opening_and_closing__are_the_canonical_json_of_two_messages(values):
    whole = shipped_template("plausible_v1").opening({}) + closing(values)
    messages = json.loads(whole)
    assert [message["role"] for message in messages] == ["system", "user"]
    assert canonical_json(messages) == whole


@pytest.mark.slow
@unhurried
@given(st.dictionaries(st.text("ABCdef-", min_size=1), data, min_size=1, max_size=4))
def test_closing_data__reads_back_what_closing_wrote(values):
    whole = shipped_template("plausible_v1").opening({}) + closing(values)
    assert closing_data(whole, *values) == list(values.values())


@unhurried
@given(texts)
def test_class_name__can_never_pass_for_another_line(text):
    name = f'{text}\nClass: {{"name": "x"}}\nScene: "y"'
    values = {"name": name, "synonyms": [text], "definition": text}
    whole = shipped_template("plausible_v1").opening({}) + closing({"Class": values})
    assert class_data(whole) == values
    user = json.loads(whole)[-1]["content"]
    assert [line for line in user.split("\n") if line.startswith(("Class: ", "Scene: "))] == [
        user.split("\n")[-1]
    ]


def test_template_that_ends_like_data__takes_nothing_from_the_data(write: Write):
    prompt = read_prompt(write(user=GOOD + '\nClass: {"name": "wall"}'), **COUNTS)
    entry = ClassEntry(name="door", id=1)
    assert class_data(canonical_json(prompt.messages(entry, "*")))["name"] == "door"


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "no mark at all"}],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": "Class: no JSON"}],
        [{"role": "user", "content": 'Klass: {"name": "x"}'}],
        [{"role": "user", "content": 'Class: {"name": "x"}\nand more'}],
    ],
)
def test_closing_data__refuses_messages_that_do_not_end_with_the_mark(messages):
    with pytest.raises(ValueError):  # noqa: PT011
        closing_data(json.dumps(messages), "Class")


def test_closing_data__refuses_messages_with_fewer_lines_than_marks():
    with pytest.raises(ValueError, match="shorter"):
        closing_data('[{"content":"Class: 1","role":"user"}]', "Class", "Scene")


def test_file__asks_as_the_same_text_that_ships_does(tmp_path: Path):
    copy = tmp_path / "visual_v1.jinja"
    copy.write_text(shipped_template("visual_v1").source, "utf-8")
    assert read_prompt(copy, **COUNTS) == some_prompt()


def test_file__with_windows_line_ends_is_the_same_prompt(write: Write, tmp_path: Path):
    plain = template_from_file(write(user=f"Task\n{GOOD}"))
    (tmp_path / "mine.jinja").write_bytes(plain.source.replace("\n", "\r\n").encode())
    assert template_from_file(tmp_path / "mine.jinja") == plain


def test_prompt_id__of_a_file_that_changed_is_another(write: Write):
    first = template_from_file(write()).prompt_id
    assert first.startswith("mine@")
    assert template_from_file(write(system="Be long.")).prompt_id != first


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "got none named system and user"),
        ("{% block system %}x{% endblock %}", "got none named user"),
        ("{% block user %}{{ scene }}{% endblock %}", "got none named system"),
        ("{% block system %}x", "TemplateSyntaxError: Unexpected end of template"),
        (source() + "{% block user %}{% endblock %}", "block 'user' defined twice"),
        (source("{{ scene | nofilter }}"), "filter 'nofilter'"),
        (source("{{ scene"), "TemplateSyntaxError"),
        (source(GOOD + "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}"), "RecursionError"),
        (source(GOOD + "{% if 1 %}" * 101 + "{% endif %}" * 101), "IndentationError"),
    ],
)
def test_file_that_is_no_template__is_refused_by_its_name(tmp_path: Path, text: str, reason: str):
    path = tmp_path / "mine.jinja"
    path.write_text(text, "utf-8")
    found = refusal(path)
    assert isinstance(found, InputError)
    assert str(found).startswith(f"{path}: wanted a Jinja template")
    assert reason in str(found)


def test_file_that_cannot_be_read__is_refused_by_its_name(tmp_path: Path):
    folder, loop = tmp_path / "folder.jinja", tmp_path / "loop.jinja"
    folder.mkdir()
    loop.symlink_to(loop)
    latin, large = tmp_path / "latin.jinja", tmp_path / "large.jinja"
    latin.write_bytes(source("häufig " + GOOD).encode("latin-1"))
    large.write_text(source("x" * 2**18 + GOOD))
    for path, reason in (
        (tmp_path / "none.jinja", "No such file"),
        (folder, "Is a directory"),
        (loop, "symbolic links"),
        (latin, "in UTF-8, got UnicodeDecodeError"),
        (large, "of at most 256 KiB, got 262"),
        (Path("nul\0.jinja"), "null"),
    ):
        found = refusal(path)
        assert isinstance(found, InputError)
        assert reason in str(found)


@pytest.mark.parametrize("name", ["my prompt.jinja", "häufig.jinja", ".jinja", "-x.jinja"])
def test_file_name__must_be_safe_in_every_path(write: Write, name: str):
    found = refusal(write(name=name))
    assert isinstance(found, InputError)
    assert "prompt file" in str(found)


@pytest.mark.parametrize(
    "part",
    [
        "{{ ''.__class__ }}",
        "{{ scene['__class__'] }}",
        "{{ scene | attr('__class__') }}",
        "{{ self.user() }}",
        "{{ super() }}",
        "{{ range(9) }}",
        "{% include 'other' %}",
        "{% import 'other' as other %}",
        "{% extends 'other' %}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}",
        "{% set x = scene ~ scene %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for c in 'ab' recursive %}{{ loop('ab') }}{% endfor %}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 'x' | center(999999999) }}",
        "{{ [0] * 999999999 }}",
        "{{ 1 / 0 }}",
    ],
)
def test_file__that_does_more_than_say_text_is_refused_before_it_runs(write: Write, part: str):
    found = refusal(write(user=GOOD + part))
    assert isinstance(found, InputError)
    assert "which is none of text, values" in str(found)
    assert "line 1" in str(found)


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("{{ colour }}", "'colour' is undefined"),
        ("{{ range }}", "'range' is undefined"),
        ("{{ lipsum }}", "'lipsum' is undefined"),
        ("{{ scene + 1 }}", "TypeError"),
        ("{{ -scene }}", "TypeError"),
        ("{{ 'x' * 999999999 }}", "wanted numbers to multiply"),
        ("{{ n_attributes * 'x' }}", "wanted numbers to multiply"),
        ("{{ " + "9" * 4000 + " * " + "9" * 4000 + " }}", "ValueError"),
        ("x" * 200_001, "wanted at most 200000 characters"),
        ("\0", "control characters"),
        ("\x1b[2J", "control characters"),
        ("\u202e", "control characters"),
        ("{{ '\\x07' }}", "control characters"),
    ],
)
def test_file__that_fails_when_it_is_tried_is_refused_with_the_names_it_may_use(
    write: Write, part: str, reason: str
):
    found = refusal(write(user=GOOD + part))
    assert isinstance(found, UsageError)
    assert str(found).startswith("prompt mine, block user: wanted ")
    assert reason in str(found)


def test_system_block__knows_no_values_as_it_is_the_same_for_every_request(write: Write):
    found = refusal(write(system="{{ scene }}"))
    assert "block system" in str(found)
    assert "the names it may use: none" in str(found)


@pytest.mark.parametrize("block", ["system", "user"])
def test_block__without_visible_text_is_refused(write: Write, block: str):
    assert "wanted visible text, got none" in str(refusal(write(**{block: " \n "})))


@pytest.mark.parametrize(
    "user",
    [
        "Describe it.",
        "Exactly {{ n_attributes }} attributes; {{ n_subclasses }} subclasses.",
        "{% if scene == '*' %}Anywhere.{% else %}In a place.{% endif %}",
    ],
)
def test_read_prompt__refuses_a_template_that_asks_the_same_of_two_scenes(write: Write, user: str):
    found = refusal(write(user=user))
    assert isinstance(found, InputError)
    assert "{{ scene | json }}" in str(found)


def test_read_prompt__refuses_a_count_out_of_range(write: Write):
    with pytest.raises(UsageError, match="n_attributes from 1 to 50, got 51"):
        read_prompt(write(), **{**COUNTS, "n_attributes": 51})


def test_file__may_count_choose_and_spell(write: Write):
    user = (
        "{{ n_subclasses * n_per_subclass + 1 }}{{ '' if n_attributes == 1 else 's' }} "
        "{% if n_subclasses and not n_attributes > 9 %}yes{% endif %} {{ scene | upper | json }}"
    )
    prompt = read_prompt(write(user=user), **COUNTS)
    text = prompt.messages(ClassEntry(name="door", id=1), "kitchen")[1]["content"]
    assert text.split("\n")[0] == '1s  "KITCHEN"'


@unhurried
@given(texts)
def test_opening__says_any_scene_as_one_json_string(scene):
    template = Template("t", source(GOOD))
    prompt = Prompt(template=template, **COUNTS)
    user = json.loads(prompt.opening("x").replace('\\"x\\"', "@") + closing({}))[1]["content"]
    assert user == "Scene: @\n"
    try:
        opening = prompt.opening(scene)
    except UsageError:
        return  # a scene that cannot be shown: no name is one
    text = json.loads(opening + closing({}))[1]["content"]
    assert json.loads(text.removeprefix("Scene: ")) == (
        scene if scene == ANY_SCENE else spoken(scene).text
    )
