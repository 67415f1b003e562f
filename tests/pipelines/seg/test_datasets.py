import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from langseg.cache.errors import InputError, UsageError
from langseg.descriptors.vocabulary.load import vocabulary_of
from langseg.pipelines.seg.datasets import open_dataset
from langseg.pipelines.seg.label_colours import label_colours
from langseg.pipelines.seg.settings import DataSettings
from langseg.pipelines.shared.settings import load_config
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.sample import read_sample

VALUES = np.array([[1, 2, 0], [2, 1, 1]], np.uint8)


def write_own(root: Path, count: int = 1, **options: Any) -> None:
    """Pictures and index PNGs of a list of two classes."""
    (root / "classes.txt").write_text("road\nsky\n")
    for name in ("images", "labels"):
        (root / name / "north").mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (3, 2), (number, 0, 0)).save(root / f"images/north/{number}.jpg")
        Image.fromarray(VALUES).save(root / f"labels/north/{number}.png")


def own(root: Path, **changes: Any) -> DataSettings:
    given: dict[str, Any] = {
        "classes": str(root / "classes.txt"), "images": root / "images", "labels": root / "labels",
    }  # fmt: skip
    return DataSettings(**given | changes)


def classes_of(settings: DataSettings, split: str = "train") -> list[list[list[int]]]:
    dataset = open_dataset(settings)
    return [read_sample(sample, dataset.rule)[1].tolist() for sample in dataset.read(split)]


def test_open_dataset__reads_own_pictures_in_nested_folders(tmp_path):
    write_own(tmp_path)
    dataset = open_dataset(own(tmp_path))
    (sample,) = dataset.read("train")
    assert sample.stem == "north/0"
    assert read_sample(sample, dataset.rule)[1].tolist() == [[0, 1, IGNORE], [1, 0, 0]]
    assert dataset.words == f"--classes {tmp_path / 'classes.txt'}"
    assert dataset.flags.endswith(f"--images {tmp_path / 'images'} --labels {tmp_path / 'labels'}")
    with pytest.raises(InputError, match=r"val: wanted pictures for validation.*--val-share 0.2"):
        dataset.read("val")


def test_open_dataset__reads_the_same_out_of_one_zip_file(tmp_path):
    write_own(tmp_path)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in sorted(tmp_path.glob("*/north/*")):
            archive.write(path, Path("my data") / path.relative_to(tmp_path))
    inside = tmp_path / "all.zip/my data"
    settings = own(tmp_path, images=inside / "images", labels=inside / "labels")
    assert classes_of(settings) == classes_of(own(tmp_path))
    with pytest.raises(InputError, match=r"all.zip/none: wanted a folder or a zip file"):
        classes_of(own(tmp_path, images=tmp_path / "all.zip/none"))


def test_own_pictures__may_lie_beside_yolos_labels_and_no_others(tmp_path):
    write_own(tmp_path)
    place = tmp_path / "images/north"
    with pytest.raises(InputError, match="wanted pictures and labels in two folders, got one"):
        classes_of(own(tmp_path, labels=tmp_path / "images"))
    Image.new("RGB", (3, 2)).save(place / "0.png")
    (place / "0.jpg").unlink()
    (place / "0.txt").write_text("1 0 0 1 0 1 1 0 1")
    assert classes_of(own(tmp_path, labels=tmp_path / "images")) == [[[1, 1, 1], [1, 1, 1]]]
    (tmp_path / "json").mkdir()
    (tmp_path / "json/0.json").touch()
    with pytest.raises(InputError, match="got 1 .json; a JSON file a picture is not read"):
        classes_of(own(tmp_path, labels=tmp_path / "json"))


def test_val_share__is_stable_and_leaves_both_splits_some(tmp_path):
    write_own(tmp_path, count=40)
    dataset = open_dataset(own(tmp_path, val_share=0.25))
    val, train = ({s.stem for s in dataset.read(split)} for split in ("val", "train"))
    assert not val & train
    assert len(val | train) == 40
    assert 4 <= len(val) <= 16
    for stem in list(train)[:20]:
        (tmp_path / f"images/{stem}.jpg").unlink()
        (tmp_path / f"labels/{stem}.png").unlink()
    assert {sample.stem for sample in dataset.read("val")} == val
    with pytest.raises(InputError, match="wanted pictures in both splits"):
        open_dataset(own(tmp_path, val_share=1e-9)).read("val")


def write_yaml(root: Path, text: str) -> DataSettings:
    (root / "mine.yaml").write_text(text)
    return DataSettings(dataset=str(root / "mine.yaml"))


def test_dataset_yaml__says_all_in_one_file_with_paths_from_its_folder(tmp_path):
    write_own(tmp_path, count=4)
    settings = write_yaml(
        tmp_path,
        "name: roads\nclasses: [{id: 2, name: road}, {id: 1, name: sky}]\nignore_ids: [0]\n"
        "images: images\nlabels: labels\nval_share: 0.5\n",
    )
    dataset = open_dataset(settings)
    assert (dataset.vocabulary.name, dataset.flags) == (
        "roads", f"--dataset {tmp_path / 'mine.yaml'}"
    )  # fmt: skip
    assert classes_of(settings)[0] == [[1, 0, IGNORE], [0, 1, 1]]
    assert len(dataset.read("train")) + len(dataset.read("val")) == 4
    assert vocabulary_of(tmp_path / "mine.yaml").hash == dataset.vocabulary.hash


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images: images\nlabels: labels\n", "wanted classes, a list or the name of a file"),
        ("classes: classes.txt\n", "wanted images and labels"),
        ("classes: classes.txt\nimages: images\n", "images: wanted labels, too"),
        ("classes: classes.txt\nimages: images\nlabels: labels\nlables: x\n", "lables"),
        ("classes: classes.txt\nname: x\nimages: images\nlabels: labels\n", "name in the class l"),
    ],
)
def test_dataset_yaml__that_lacks_something_is_refused(tmp_path, text, message):
    write_own(tmp_path)
    with pytest.raises(UsageError, match=message):
        open_dataset(write_yaml(tmp_path, text))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"dataset": "ade20k", "classes": "c.txt"}, "dataset: wanted it or classes, got both"),
        ({"classes": "c.txt"}, "--classes FILE --images DIR --labels DIR"),
        ({"classes": "c.txt", "images": "i"}, "images: wanted labels, too, got none; give --l"),
        ({"classes": "c", "images": "i", "labels": "l", "data": "d"}, "data: wanted it or pict"),
        (
            {"classes": "c", "images": "i", "labels": "l", "val_images": "v", "val_labels": "w",
             "val_share": "0.2"}, "val_share: wanted it or val_images, got both",
        ),
        ({"dataset": "ade20"}, "did you mean ade20k?"),
        ({"dataset": "x.yaml", "data": "d"}, "data: wanted it or pict"),
    ],
)  # fmt: skip
def test_data_settings__that_contradict_each_other_are_refused(flags, message):
    with pytest.raises(UsageError) as caught:
        load_config(DataSettings, None, flags)
    assert message in str(caught.value)


PALETTES = {
    "list.yaml": "- {name: road, colour: '#804080'}\n- {name: sky, color: [70, 130, 180]}\n"
    "- {name: void, colour: '#000000'}\n",
    "palette.yaml": "road: [128, 64, 128]\nsky: '#4682B4'\nvoid: [0, 0, 0]\n",
    "class_dict.csv": "name,r,g,b\nRoad,128,64,128\nSky,70,130,180\nVoid,0,0,0\n",
    "labelmap.txt": "# label:color_rgb:parts:actions\nroad:128,64,128::\nsky:70,130,180::\n"
    "void:0,0,0::\n",
    "label_colors.txt": "128 64 128\tRoad\n70 130 180\tSky\n0 0 0\tVoid\n",
}


@pytest.mark.parametrize("name", PALETTES)
def test_label_colours__are_read_in_the_forms_that_tools_write(tmp_path, name):
    (tmp_path / name).write_text(PALETTES[name])
    found = label_colours(tmp_path / name, vocabulary_of("road, sky"))
    assert found is not None
    assert dict(found.ids) == {(128, 64, 128): 1, (70, 130, 180): 2, (0, 0, 0): 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("road: '#804080'\n", "wanted a colour for every class, got none for 'sky'"),
        ("road: '#804080'\nsky: '#804080'\n", "#804080 is the colour of 'sky' and of another"),
        ("road: '#804080'\nsea: '#000001'\n", "#000001 is that of 'sea', which is no class"),
        ("- {name: road, colour: }\n", "no colour for 'road'; in YAML it stands in quotes"),
        ("- {name: road, colour: [300, 0, 0]}\n", "the colour '300 0 0'"),
    ],
)
def test_label_colours__that_cannot_be_meant_are_refused(tmp_path, text, message):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        label_colours(tmp_path / "p.yaml", vocabulary_of("road, sky"))


def test_colours__of_the_class_list_or_a_palette_say_how_labels_are_read(tmp_path):
    write_own(tmp_path)
    colours = np.array([(0, 0, 0), (128, 64, 128), (70, 130, 180)], np.uint8)
    Image.fromarray(colours[VALUES]).save(tmp_path / "labels/north/0.png")
    wanted = [[[0, 1, IGNORE], [1, 0, 0]]]
    (tmp_path / "p.yaml").write_text(PALETTES["palette.yaml"])
    assert classes_of(own(tmp_path, colours=tmp_path / "p.yaml")) == wanted
    (tmp_path / "list.yaml").write_text(PALETTES["list.yaml"])
    assert classes_of(own(tmp_path, classes=str(tmp_path / "list.yaml"))) == wanted
    with pytest.raises(InputError, match=r"0.png: wanted labels with one value a pixel .* colours"):
        classes_of(own(tmp_path))


def test_grey_window_and_page__say_how_a_medical_stack_is_read(tmp_path):
    (tmp_path / "classes.txt").write_text("road\nsky\n")
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    slices = [np.full((2, 3), value, np.int32) for value in (-1000, 40, 400)]
    pages = [Image.fromarray(one) for one in slices]
    pages[0].save(tmp_path / "images/ct.tif", save_all=True, append_images=pages[1:])
    masks = [Image.fromarray(VALUES + 0 * one.astype(np.uint8)) for one in slices]
    masks[0].save(tmp_path / "labels/ct.tif", save_all=True, append_images=masks[1:])
    with pytest.raises(InputError, match=r"ct.tif: wanted one picture, got 3 pages"):
        classes_of(own(tmp_path))
    with pytest.raises(InputError, match=r"got values from -1000 to -1000; .*--grey-window LOW"):
        classes_of(own(tmp_path, page=0))
    dataset = open_dataset(own(tmp_path, page="all", grey_window=(-160, 240)))
    samples = dataset.read("train")
    assert [sample.stem for sample in samples] == ["ct_p0", "ct_p1", "ct_p2"]
    greys = [int(read_sample(sample, dataset.rule)[0][0, 0, 0]) for sample in samples]
    assert greys == [0, 128, 255]


def test_dataset_yaml__a_misspelt_line_names_the_one_that_is_meant(tmp_path):
    settings = write_yaml(tmp_path, "classes: [{id: 1, name: sky}]\nimages: a\nlables: b\n")
    with pytest.raises(UsageError, match="lables: no such setting; did you mean labels"):
        open_dataset(settings)
