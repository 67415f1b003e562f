"""The packs answer like an LLM would, and say plainly that none was asked."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from langseg.cache.errors import InputError
from langseg.cache.records import Response
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.prompt import Prompt
from langseg.descriptors.prompts.replies import parse_reply
from langseg.descriptors.providers.budget import Budget
from langseg.descriptors.providers.bundled import BundledProvider, load_pack
from langseg.descriptors.vocabulary.load import vocabulary_of
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt

PACK = """\
wall:
  attributes:
    - shape: broad flat surface
    - colour: one pale hue
    - texture: smooth plaster
  subclasses:
    brick wall:
      - texture: rows of reddish blocks
      - colour: rusty red blocks
    tiled wall:
      - texture: grid of glossy squares
  scenes:
    kitchen:
      - material: glossy squares behind the worktop
bed:
  attributes:
    - part: raised headboard
    - shape: low wide rectangle
"""
ROOMS = Vocabulary(
    name="rooms",
    classes=(ClassEntry(name="Wall", id=1), ClassEntry(name="bed", id=2)),
    ignore_ids=(0, 255),
    scenes={"kitchen": ("Wall",)},
)

SMALL = some_prompt(n_attributes=2, n_subclasses=2, n_per_subclass=1, n_scene_attributes=1)


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    (tmp_path / "rooms.yaml").write_text(PACK)
    return tmp_path


def answers(provider: BundledProvider, vocabulary: Vocabulary, prompt: Prompt) -> list[Response]:
    plan = describe_requests(vocabulary, prompt, provider.model, provider.params)

    async def collect() -> list[Response]:
        return [response async for _, response in provider.answer(plan, Budget())]

    return asyncio.run(collect())


def test_answer__is_the_first_phrases_of_the_pack_in_the_reply_format(packs: Path):
    wall, bed, kitchen = answers(BundledProvider(ROOMS, packs), ROOMS, SMALL)
    assert json.loads(wall.raw_text) == {
        "attributes": [
            {"slot": "shape", "text": "broad flat surface"},
            {"slot": "colour", "text": "one pale hue"},
        ],
        "subclasses": [
            {
                "name": "brick wall",
                "parent": "Wall",
                "descriptors": [{"slot": "texture", "text": "rows of reddish blocks"}],
            },
            {
                "name": "tiled wall",
                "parent": "Wall",
                "descriptors": [{"slot": "texture", "text": "grid of glossy squares"}],
            },
        ],
    }
    assert json.loads(bed.raw_text)["subclasses"] == []
    assert json.loads(kitchen.raw_text) == {
        "attributes": [{"slot": "material", "text": "glossy squares behind the worktop"}]
    }


def test_answers__pass_the_parser(packs: Path):
    provider = BundledProvider(ROOMS, packs)
    plan = describe_requests(ROOMS, SMALL, provider.model, provider.params)
    for request, response in zip(plan, answers(provider, ROOMS, SMALL), strict=True):
        assert response.request_key == request.request_key
        assert parse_reply(response.raw_text, request).status == "ok"


def test_response__says_that_no_llm_was_called_and_costs_nothing(packs: Path):
    response = answers(BundledProvider(ROOMS, packs), ROOMS, SMALL)[0]
    assert response.served_model == ("bundled pack rooms: ships with LangSeg, no LLM was called")
    assert (response.status, response.provider, response.cost_usd) == ("ok", "bundled", 0.0)
    assert (response.prompt_tokens, response.completion_tokens) == (0, 0)
    assert 0 < response.latency_s < 1
    assert response.created_at.endswith("+00:00")


def test_changed_pack__changes_the_requests(packs: Path):
    before = BundledProvider(ROOMS, packs)
    (packs / "rooms.yaml").write_text(PACK.replace("smooth plaster", "rough plaster"))
    after = BundledProvider(ROOMS, packs)
    assert before.model == after.model == "bundled"
    assert before.params != after.params


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            replace(SMALL, n_attributes=5),
            r"--attributes: .*got 5 .*hold 2 to 3; give at most 4",
        ),
        (
            replace(SMALL, n_scene_attributes=3),
            r"--scene-attributes: .*got 3 .*at most 2",
        ),
    ],
)
def test_count_that_no_reply_could_half_fill__is_refused_with_what_the_packs_hold(
    packs: Path, asked: Prompt, sentence: str
):
    provider = BundledProvider(ROOMS, packs)
    provider.check_counts(SMALL)
    provider.check_counts(replace(SMALL, n_attributes=4, n_scene_attributes=2))
    with pytest.raises(InputError, match=sentence):
        provider.check_counts(asked)
    BundledProvider(replace(ROOMS, scenes={}), packs).check_counts(
        replace(SMALL, n_scene_attributes=9)  # no scene, none asked
    )


def test_class_without_a_pack__is_named_before_anything_is_asked(packs: Path):
    lacking = replace(
        ROOMS,
        classes=(*ROOMS.classes, ClassEntry(name="sauna", id=3), ClassEntry(name="gong", id=4)),
        scenes={"kitchen": ("Wall",), "office": ("bed",)},
    )
    with pytest.raises(InputError, match=r"'sauna', 'gong', 'bed' in scene 'office'.*openai"):
        BundledProvider(lacking, packs)


def test_class_list__is_looked_up_in_every_pack_its_own_first(packs: Path):
    (packs / "attic.yaml").write_text(
        "Wall: {attributes: [{shape: a b}]}\nbeam: {attributes: []}\n"
    )
    mixed = replace(ROOMS, classes=(*ROOMS.classes, ClassEntry(name="BEAM", id=3)))
    provider = BundledProvider(mixed, packs)
    wall, *_ = answers(provider, mixed, SMALL)
    assert "broad flat surface" in wall.raw_text
    assert wall.served_model.startswith("bundled pack rooms, attic: ")
    assert len(provider.params["pack_sha256"].split("+")) == 2


@pytest.mark.slow
def test_class_list_of_shipped_names__is_answered_from_the_shipped_packs(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("sofa\nbicyclist\n")
    mine = vocabulary_of(tmp_path / "mine.txt")
    provider = BundledProvider(mine)
    assert provider.model == "bundled"
    assert len(answers(provider, mine, some_prompt())) == 2


@pytest.mark.parametrize(
    "text",
    [
        "wall: [", "- wall", "wall: 3", "wall: {}", "wall: {attributes: [x]}", "[" * 10_000,
        "wall: {attributes: [{shape: 3}]}", "wall: {attributes: [{shape: a, colour: b}]}",
        "wall: {attributes: [], scene: {}}", "wall: {attributes: [], scenes: [x]}",
    ],
)  # fmt: skip
def test_broken_pack__is_an_input_error_that_names_the_file(text: str, tmp_path: Path):
    (tmp_path / "rooms.yaml").write_text(text)
    with pytest.raises(InputError, match=r"^rooms\.yaml: "):
        load_pack(tmp_path / "rooms.yaml")


def test_class__of_a_pack_is_found_as_its_name_is_said(packs: Path):
    entries = (ClassEntry(name="room--wall", id=1), ClassEntry(name="Bed_", id=2))
    words = replace(ROOMS, classes=entries, scenes={})
    provider = BundledProvider(words, packs)
    plan = describe_requests(words, SMALL, provider.model, provider.params)
    for request, response in zip(plan, answers(provider, words, SMALL), strict=True):
        parsed = parse_reply(response.raw_text, request)
        assert (parsed.status, {row.rejected for row in parsed.rows}) == ("ok", {""})


def test_class__that_a_pack_names_so_is_not_taken_for_what_its_name_says(packs: Path):
    (packs / "stuff.yaml").write_text(PACK.replace("wall:", "wall-other:", 1))
    words = replace(ROOMS, classes=(ClassEntry(name="wall-other", id=1),), scenes={})
    served = answers(BundledProvider(words, packs), words, SMALL)[0].served_model
    assert served.startswith("bundled pack stuff:")
