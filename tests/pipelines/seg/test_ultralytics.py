"""Ultralytics' data.yaml is a dataset of one's own, as it is."""

from pathlib import Path

import pytest
from PIL import Image

from langseg.cache.errors import InputError, UsageError
from langseg.pipelines.seg.datasets import Dataset, open_dataset
from langseg.pipelines.seg.settings import DataSettings
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.sample import read_sample

TOP, BOTTOM = "0 0 0 1 0 1 0.5 0 0.5", "1 0 0.5 1 0.5 1 1 0 1"


def write(root: Path, images: str, labels: str) -> None:
    for split, lines in (("train", f"{TOP}\n{BOTTOM}\n"), ("val", TOP)):
        for folder in (images, labels):
            (root / folder.format(split)).mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(root / images.format(split) / f"{split}.jpg")
        (root / labels.format(split) / f"{split}.txt").write_text(lines)


def opened(file: Path, text: str) -> Dataset:
    names = "" if "names:" in text else "names: {0: road, 1: sky}"
    file.write_text(f"{text}\nnc: 2\n{names}\n")
    return open_dataset(DataSettings(dataset=str(file)))


@pytest.mark.parametrize(
    ("images", "labels", "text"),
    [
        ("set/images/{}", "set/labels/{}", "path: set\ntrain: images/train\nval: images/val"),
        ("images/{}", "labels/{}", "train: [images/train]\nval: images/val\ntest:"),
        ("{}/images", "{}/labels", "train: ../train/images\nval: ../val/images"),  # Roboflow's
    ],
)
def test_data_yaml__finds_labels_where_images_are_called_labels(tmp_path, images, labels, text):
    write(tmp_path, images, labels)
    dataset = opened(tmp_path / "data.yaml", text)
    assert [entry.name for entry in dataset.vocabulary.classes] == ["road", "sky"]
    read = {
        split: [read_sample(sample, dataset.rule)[1].tolist() for sample in dataset.read(split)]
        for split in ("train", "val")
    }
    assert read == {"train": [[[0, 0], [1, 1]]], "val": [[[0, 0], [IGNORE, IGNORE]]]}
    assert dataset.flags == f"--dataset {tmp_path / 'data.yaml'}"
    assert dataset.words == f"--classes {tmp_path / 'data.yaml'}"


def test_data_yaml__means_the_numbers_of_its_names_in_whatever_order(tmp_path):
    write(tmp_path, "images/{}", "labels/{}")
    text = "train: images/train\nnames: {1: sky, 0: road}"
    dataset = opened(tmp_path / "data.yaml", text)
    (sample,) = dataset.read("train")
    names = [entry.name for entry in dataset.vocabulary.classes]
    shown = read_sample(sample, dataset.rule)[1]
    assert [names[index] for index in shown[:, 0]] == ["road", "sky"]


def test_data_yaml__is_looked_for_from_the_working_directory_too(tmp_path, monkeypatch):
    write(tmp_path / "here", "images/{}", "labels/{}")
    (tmp_path / "yaml").mkdir()
    monkeypatch.chdir(tmp_path)
    dataset = opened(Path("yaml/data.yaml"), "path: here\ntrain: images/train")
    assert [sample.stem for sample in dataset.read("train")] == ["train"]


@pytest.mark.parametrize(
    ("train", "listed", "stems"),
    [
        ("[a/images, b/images]", "", ["a/images/1", "b/images/1", "b/images/2"]),
        ("[a/images, some.txt]", "b/images/2.jpg", ["a/images/1", "b/images/2"]),
        ("some.txt", "b/images/2.jpg\n\nb/images/1.jpg\nnotes.md\n", ["1", "2"]),  # from ``path``
        ("lists/some.txt", "./2.jpg\n./more/3.jpg", ["2", "more/3"]),  # from the list's folder
        ("lists/some.txt", "{root}/set/lists/2.jpg", ["2"]),
        ("lists/some.txt", "lists/2.jpg\n{root}/set/b/images/2.jpg", ["b/images/2", "lists/2"]),
    ],
)
def test_data_yaml__reads_several_folders_and_lists_of_pictures(tmp_path, train, listed, stems):
    names = ("a/images/1", "b/images/1", "b/images/2", "lists/2", "lists/more/3")
    for number, name in enumerate(names):
        picture = tmp_path / "set" / f"{name}.jpg"
        labels = Path(str(picture).replace("images", "labels")).with_suffix(".txt")
        for file in (picture, labels):
            file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(picture)
        labels.write_text(f"{number % 2} 0 0 1 0 1 1 0 1\n")
    for place in ("some.txt", "lists/some.txt"):
        (tmp_path / "set" / place).write_text(listed.format(root=tmp_path))
    dataset = opened(tmp_path / "data.yaml", f"path: set\ntrain: {train}\nval: b/images")
    samples = dataset.read("train")
    assert [sample.stem for sample in samples] == stems
    for sample in samples:
        name = str(sample.image).split("/set/")[1].removesuffix(".jpg")
        shown = read_sample(sample, dataset.rule)[1]
        assert shown.tolist() == [[names.index(name) % 2] * 2] * 2
    assert [sample.stem for sample in dataset.read("val")] == ["1", "2"]


def test_data_yaml__of_a_list_names_the_line_whose_picture_is_not_there(tmp_path):
    (tmp_path / "train.txt").write_text("\n./gone.jpg\n")
    dataset = opened(tmp_path / "data.yaml", "train: train.txt")
    with pytest.raises(InputError, match=r"train.txt line 2: wanted .*, found none at ./gone.jpg"):
        dataset.read("train")
    (tmp_path / "train.txt").write_text("")
    with pytest.raises(InputError, match="train.txt: wanted pictures for train, found none"):
        dataset.read("train")


def test_data_yaml__of_a_list_may_have_pictures_that_show_nothing(tmp_path):
    for name in ("a", "b", "c"):
        Image.new("RGB", (2, 2)).save(tmp_path / f"{name}.jpg")
    (tmp_path / "a.txt").write_text(f"{TOP}\n")
    (tmp_path / "some.txt").write_text("./a.jpg\n./b.jpg")
    dataset = opened(tmp_path / "data.yaml", "train: some.txt")
    shown = [read_sample(sample, dataset.rule)[1].tolist() for sample in dataset.read("train")]
    assert shown == [[[0, 0], [IGNORE, IGNORE]], [[IGNORE, IGNORE]] * 2]
    (tmp_path / "some.txt").write_text("./a.jpg\n./b.jpg\n./c.jpg")
    with pytest.raises(InputError, match="b.jpg: wanted a partner named b.*partner: 2 of 3 files"):
        dataset.read("train")


@pytest.mark.parametrize("train", ["5", "[]", "[a, 5]", "{a: b}"])
def test_data_yaml__of_something_else_says_what_it_wants(tmp_path, train):
    with pytest.raises(UsageError, match="wanted a folder of pictures for train, a .txt that list"):
        opened(tmp_path / "data.yaml", f"train: {train}")
