"""The vocabularies that ship are their datasets', and one source is named."""

import csv
from pathlib import Path

import pytest

from langseg.cache.errors import InputError, LangSegError, UsageError
from langseg.descriptors.quality.look_alikes import LOOK_ALIKES
from langseg.descriptors.vocabulary.load import load_vocabulary, vocabulary_of, written_words
from tests.support.class_lists import names


def test_ade20k__has_the_150_names_of_the_benchmark_in_its_order(shared_data: Path):
    with (shared_data / "ade20k_sample/objectInfo150.csv").open() as file:
        wanted = [(int(row["Idx"]), row["Name"]) for row in csv.DictReader(file)]
    flat = [
        # the table has every space turned into the mark between synonyms
        (entry.id, ";".join((entry.name, *entry.synonyms)).replace(" ", ";"))
        for entry in load_vocabulary("ade20k").classes
    ]
    assert flat == wanted


def test_ade20k__tells_look_alike_names_apart():
    ade = load_vocabulary("ade20k")
    by_id = {entry.id: entry for entry in ade.classes}
    assert len(set(names(ade))) == 150
    assert [by_id[i].name for i in (8, 59, 64, 131, 142)] == [
        "bed", "screen door", "blind", "screen", "crt screen",
    ]  # fmt: skip
    assert by_id[45].synonyms == ("chest", "bureau", "dresser")
    assert ade.ignore_ids == (0, 255)
    assert set(ade.scenes["living room"]) > {"sofa", "television"}


def test_ade20k__knows_the_scenes_of_most_training_pictures(shared_data: Path):
    ade = load_vocabulary("ade20k")
    lines = (shared_data / "ade20k_sample/sceneCategories.txt").read_text().splitlines()
    pairs = [line.split() for line in lines if line.startswith("ADE_train_")]
    scenes = [ade.scene_of(scene.replace("_", " ")) for _, scene in pairs]
    known = sum(scene in ade.scenes for scene in scenes)
    assert (known, len(scenes)) == (17_395, 20_210)  # 86.1 %, or 93.0 % of those not "misc"
    assert scenes.count("misc") == 1516
    listed = {scene.replace("_", " ") for _, scene in (line.split() for line in lines)}
    others = {name for names in ade.scene_names.values() for name in names}
    assert others <= listed


def test_camvid__counts_from_zero_and_ignores_eleven():
    camvid = load_vocabulary("camvid")
    assert [entry.id for entry in camvid.classes] == list(range(11))
    assert names(camvid)[::5] == ["sky", "tree", "bicyclist"]
    assert camvid.ignore_ids == (11, 255)


@pytest.mark.parametrize(
    "dataset", ["ade20k", "coco-stuff", "coco-panoptic", "cityscapes", "pascal-context", "msrc"]
)
def test_shipped__look_alikes_leave_chance_the_same_for_every_class(dataset: str):
    alike = load_vocabulary(dataset).look_alikes
    assert 1 <= min(map(len, alike.values())) <= max(map(len, alike.values())) <= LOOK_ALIKES


@pytest.mark.parametrize(
    ("dataset", "without"),
    [
        ("msrc", "sky"),
        ("camvid", "sky"),
        ("coco-panoptic", "person sky-other-merged ceiling-merged building-other-merged "
         "wall-other-merged floor-other-merged window-other water-other food-other-merged"),
    ],
)  # fmt: skip
def test_shipped__hypernyms_are_there_for_all_but_classes_called_like_their_kind(
    dataset: str, without: str
):
    vocabulary = load_vocabulary(dataset)
    assert {*names(vocabulary)} - {*vocabulary.hypernyms} == {*without.split()}


def test_missing_file__is_an_input_error(tmp_path: Path):
    with pytest.raises(InputError, match="No such file"):
        vocabulary_of(tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("dataset", "reason"), [("ade2k", "did you mean 'ade20k'"), ("zzz", "--classes FILE")]
)
def test_load_vocabulary__wants_a_dataset_that_ships(dataset: str, reason: str):
    with pytest.raises(UsageError, match=reason):
        load_vocabulary(dataset)


@pytest.mark.parametrize("words", ["sky,tree , car", ["sky", "tree", "car"], "sky,tree,car,"])
def test_vocabulary_of__names_is_their_list(words):
    found = vocabulary_of(words)
    assert [(entry.name, entry.id) for entry in found.classes] == [
        ("sky", 1), ("tree", 2), ("car", 3),
    ]  # fmt: skip
    assert found.name == "sky, tree, car"


def test_vocabulary_of__takes_a_file_a_shipped_name_and_one_class(tmp_path: Path):
    file = tmp_path / "a,b.txt"
    file.write_text("wall\nsky\n")
    assert names(vocabulary_of(str(file))) == names(vocabulary_of(file)) == ["wall", "sky"]
    assert vocabulary_of("camvid") == load_vocabulary("camvid")
    assert names(vocabulary_of("sky,")) == ["sky"]
    assert len(vocabulary_of(",".join(f"thing {i}" for i in range(900))).classes) == 900


@pytest.mark.parametrize(
    ("words", "error", "reason"),
    [
        ("sky", UsageError, "a class alone is written 'sky,'"),
        ("sky; tree;car", UsageError, "write 'sky, tree, car'"),
        ("sky\ntree", UsageError, "write 'sky, tree'"),
        ("", UsageError, "wanted the name of a file, or names, got none"),
        ("ade2k", UsageError, "did you mean 'ade20k'"),
        ("lists/my.txt", InputError, "No such file"),
        ("sky,Sky", InputError, "is the name of row 1 again"),
        ("a.jpg,b.jpg", InputError, "is a file's name"),
        (",", InputError, "no class"),
    ],
)
def test_vocabulary_of__says_what_is_wanted(words: str, error: type[LangSegError], reason: str):
    with pytest.raises(error, match=reason):
        vocabulary_of(words)


def test_read_as__says_whose_form_a_file_has_and_is_no_part_of_the_vocabulary(tmp_path: Path):
    (tmp_path / "a.txt").write_text("0: unlabeled\n1: sky\n2: tree\n")
    (tmp_path / "a.yaml").write_text(
        "name: a\nclasses: [{id: 1, name: sky}, {id: 2, name: tree}]\nignore_ids: [0, 255]\n"
    )
    foreign, own = (vocabulary_of(tmp_path / name) for name in ("a.txt", "a.yaml"))
    assert foreign.read_as == "a.txt: numbered lines, 2 classes; left out: unlabeled (0)"
    assert (own.read_as, foreign, foreign.hash) == ("", own, own.hash)


@pytest.mark.parametrize(
    "names",
    [["tree"], ["door, double door", "tree"], ['21" screen', "sky"], ['"car"', "sky"], ["a", "b"]],
)
def test_written_words__are_read_as_the_names_they_were(names: list[str]):
    read = vocabulary_of(written_words(names))
    assert [entry.name for entry in read.classes] == [e.name for e in vocabulary_of(names).classes]


def test_pascal_voc__is_scored_without_and_with_its_background():
    objects, with_background = load_vocabulary("pascal-voc"), load_vocabulary("pascal-voc-21")
    assert objects.classes == with_background.classes[1:]
    assert objects.ignore_ids == (0, 255)
    assert (with_background.classes[0].name, with_background.ignore_ids) == ("background", (255,))


def test_msrc__has_all_of_its_23_classes_and_ignores_void():
    msrc = load_vocabulary("msrc")
    assert [entry.id for entry in msrc.classes] == list(range(1, 24))
    assert msrc.ignore_ids == (0,)


def test_coco_panoptic__has_the_datasets_ids_and_says_merged_classes_plainly():
    panoptic = load_vocabulary("coco-panoptic")
    ids = {entry.name: entry.id for entry in panoptic.classes}
    assert (len(ids), ids["person"], ids["window-other"], ids["rug-merged"]) == (133, 1, 181, 200)
    assert panoptic.ignore_ids == (0,)
    said = panoptic.said_names
    assert [said[name] for name in ("tree-merged", "sky-other-merged")] == ["tree", "sky"]
    assert (said["wall-other-merged"], said["wall-brick"]) == ("wall", "wall-brick")
    told = next(entry for entry in panoptic.classes if entry.name == "rug-merged").prompt_data
    assert told["definition"].startswith("textile floor covering")


@pytest.mark.parametrize(
    ("dataset", "count", "first", "last", "ignored"),
    [
        ("ade20k-full", 847, (0, "wall"), (846, "adding machine"), (65535,)),
        ("pascal-context-459", 459, (1, "accordion"), (459, "wool"), (0, 65535)),
    ],
)
def test_large_vocabulary__has_the_ids_of_its_16_bit_labels(
    dataset: str, count: int, first: object, last: object, ignored: object
):
    vocabulary = load_vocabulary(dataset)
    entries = [(entry.id, entry.name) for entry in vocabulary.classes]
    assert (len(entries), entries[0], entries[-1]) == (count, first, last)
    assert vocabulary.ignore_ids == ignored
