"""Ultralytics' data.yaml is a dataset of one's own, as it is."""

from pathlib import Path

import pytest
from PIL import Image

from langseg.cache.errors import UsageError
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


def test_data_yaml__of_lists_of_pictures_says_what_it_wants(tmp_path):
    with pytest.raises(
        UsageError, match="wanted one folder of pictures for train, got 'train.txt'"
    ):
        opened(tmp_path / "data.yaml", "train: train.txt\nval: val.txt")
