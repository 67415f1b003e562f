"""The packs that ship are complete, and the validator drops nothing in them."""

from collections import defaultdict
from importlib.resources import files as package_files

import pytest

from langseg.cache.errors import InputError
from langseg.cache.records import ANY_SCENE, NAME_SLOT, Request
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.prompt import Prompt
from langseg.descriptors.prompts.replies import ParsedReply, parse_reply
from langseg.descriptors.providers.bundled import BundledProvider, Pack, load_pack, pack_reply
from langseg.descriptors.vocabulary.load import load_vocabulary, shipped_vocabularies
from tests.support.prompts import some_prompt

PACKS = (
    "ade20k", "camvid", "cityscapes", "coco-panoptic", "coco-stuff", "msrc", "pascal-context",
    "pascal-voc",
)  # fmt: skip


WRITTEN_FOR = {"pascal-voc": "pascal-voc-21"}  # the widest of the vocabularies that a pack serves
UNDESCRIBED = ("ade20k-full", "pascal-context-459")  # by packs: an LLM is asked
SERVED = {"pascal-voc-21": "pascal-voc"}  # vocabularies that another one's pack describes


def pack_of(name: str) -> Pack:
    return load_pack(package_files("langseg.descriptors").joinpath("packs", f"{name}.yaml"))


def whole_prompt(pack: Pack) -> Prompt:
    """Asks for all that a pack holds."""
    entries = pack.entries.values()
    subclasses = [phrases for entry in entries for phrases in entry.subclasses.values()]
    return some_prompt(
        n_attributes=max(len(entry.attributes) for entry in entries),
        n_subclasses=max(len(entry.subclasses) for entry in entries),
        n_per_subclass=max(map(len, subclasses)),
        n_scene_attributes=max([1, *(len(p) for e in entries for p in e.scenes.values())]),
    )


def parsed(name: str) -> list[tuple[Request, ParsedReply]]:
    pack = pack_of(name)
    vocabulary = load_vocabulary(WRITTEN_FOR.get(name, name))
    plan = describe_requests(vocabulary, whole_prompt(pack), "m", {})
    entries = pack.entries
    return [(r, parse_reply(pack_reply(entries[r.class_name.casefold()], r), r)) for r in plan]


def test_packs__are_those_of_the_shipped_vocabularies():
    assert shipped_vocabularies() == tuple(sorted({*PACKS, *SERVED, *UNDESCRIBED}))


@pytest.mark.parametrize(("name", "pack"), SERVED.items())
def test_vocabulary__without_a_pack_of_its_own_is_described_by_its_datasets_other_one(
    name: str, pack: str
):
    served = BundledProvider(load_vocabulary(name)).served_model
    assert f"bundled pack {pack}:" in served


@pytest.mark.parametrize("name", UNDESCRIBED)
def test_vocabulary__that_no_pack_describes_says_so_in_a_few_words(name: str):
    with pytest.raises(InputError, match=r"more; have an LLM write them: use --prov") as caught:
        BundledProvider(load_vocabulary(name))
    assert len(str(caught.value)) < 600


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKS)
def test_pack__describes_every_class_and_nothing_else(name: str):
    vocabulary, pack = load_vocabulary(WRITTEN_FOR.get(name, name)), pack_of(name)
    assert set(pack.entries) == {entry.name.casefold() for entry in vocabulary.classes}
    BundledProvider(vocabulary)  # raises for a class or a scene without phrases


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKS)
def test_pack__has_enough_attributes_subclasses_and_slots(name: str):
    for class_name, entry in pack_of(name).entries.items():
        assert len(entry.attributes) >= 8, class_name
        assert len({slot for slot, _ in entry.attributes}) >= 4, class_name
        assert len(entry.subclasses) >= 4, class_name
        assert all(entry.subclasses.values()), class_name


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKS)
def test_pack__has_at_least_three_phrases_for_each_scene_of_its_vocabulary(name: str):
    pack = pack_of(name)
    few = [
        (scene, class_name)
        for scene, names in load_vocabulary(name).scenes.items()
        for class_name in names
        if len(pack.entries[class_name.casefold()].scenes.get(scene, ())) < 3
    ]
    assert few == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKS)
def test_pack__loses_no_phrase_to_the_validator(name: str):
    dropped = []
    for request, reply in parsed(name):
        assert reply.status == "ok", (request.class_name, request.scene, reply.error)
        text_of = {text.text_id: text.text for text in reply.texts}
        dropped += [
            (row.class_name, row.scene, row.subclass, text_of[row.text_id], row.rejected)
            for row in reply.rows
            if row.rejected
        ]
    assert dropped == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKS)
def test_pack__says_no_phrase_about_more_than_three_classes(name: str):
    classes = defaultdict(set)
    for _, reply in parsed(name):
        texts = {text.text_id: text.text.casefold() for text in reply.texts}
        for row in reply.rows:
            if row.slot != NAME_SLOT:
                classes[texts[row.text_id]].add(row.class_name)
    assert {text: names for text, names in classes.items() if len(names) > 3} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKS)
def test_pack__says_other_things_about_a_scene_than_about_the_class(name: str):
    generic: dict[str, set[str]] = {}
    repeated = []
    for request, reply in parsed(name):  # scene * comes first
        texts = {text.text.casefold() for text in reply.texts}
        if request.scene == ANY_SCENE:
            generic[request.class_name] = texts
        repeated += [
            (request.class_name, request.scene, text)
            for text in (texts & generic[request.class_name])
            if request.scene != ANY_SCENE
        ]
    assert repeated == []
