"""The vocabularies that ship are their datasets', and one source is named."""

import csv
from pathlib import Path

import pytest

from langseg.cache.errors import InputError, LangSegError, UsageError
from langseg.descriptors.quality.look_alikes import LOOK_ALIKES
from langseg.descriptors.vocabulary.load import load_vocabulary
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


@pytest.mark.parametrize("dataset", ["ade20k", "coco-stuff", "cityscapes", "pascal-context"])
def test_shipped__look_alikes_leave_chance_the_same_for_every_class(dataset: str):
    alike = load_vocabulary(dataset).look_alikes
    assert 1 <= min(map(len, alike.values())) <= max(map(len, alike.values())) <= LOOK_ALIKES


def test_missing_file__is_an_input_error(tmp_path: Path):
    with pytest.raises(InputError, match="No such file"):
        load_vocabulary(classes_file=tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("dataset", "file", "reason"),
    [
        (None, None, "neither"),
        ("ade20k", Path("x.txt"), "both"),
        ("ade2k", None, "did you mean 'ade20k'"),
        ("zzz", None, "--classes FILE"),
    ],
)
def test_load_vocabulary__wants_one_known_source(
    dataset: str | None, file: Path | None, reason: str
):
    with pytest.raises(UsageError, match=reason) as caught:
        load_vocabulary(dataset, file)
    assert isinstance(caught.value, LangSegError)
