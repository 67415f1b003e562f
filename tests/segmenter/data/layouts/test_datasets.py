"""The public datasets as they are downloaded: where their files lie, and what values mean."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.layouts.registry import LAYOUTS, find_samples
from langseg.segmenter.data.sample import raw_labels, read_sample


def write_pair(picture: Path, labels: Path, values: list[Any], dtype: type = np.uint8) -> None:
    array: np.ndarray = np.array(values, dtype)
    for path in (picture, labels):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", array.shape[1::-1]).save(picture)
    Image.fromarray(array).save(labels)


def ids_in(dataset: str, root: Path, split: str = "val") -> list[list[list[int]]]:
    return [raw_labels(sample).ids.tolist() for sample in find_samples(dataset, root, split)]


def classes_in(dataset: str, root: Path, split: str = "val") -> list[str]:
    """The classes of one-row labels, "-" where nothing is labelled."""
    vocabulary = load_vocabulary(dataset)
    rule = LabelRule([entry.id for entry in vocabulary.classes], vocabulary.ignore_ids)
    (sample,) = find_samples(dataset, root, split)
    return [
        vocabulary.classes[index].name if index >= 0 else "-"
        for index in read_sample(sample, rule)[1][0]
    ]


@pytest.mark.parametrize(
    ("kind", "values"), [("labelTrainIds", [0, 18, 255]), ("labelIds", [7, 33, 0])]
)
def test_cityscapes__takes_whichever_ids_are_there(tmp_path, kind, values):
    at = tmp_path / "gtFine/val/bonn"
    stem = "bonn_000000_000019"
    write_pair(
        tmp_path / f"leftImg8bit/val/bonn/{stem}_leftImg8bit.png",
        at / f"{stem}_gtFine_{kind}.png", [values],
    )  # fmt: skip
    Image.new("RGBA", (3, 1)).save(at / f"{stem}_gtFine_color.png")
    (at / f"{stem}_gtFine_polygons.json").write_text("{}")
    assert classes_in("cityscapes", tmp_path) == ["road", "bicycle", "-"]
    assert [sample.stem for sample in find_samples("cityscapes", tmp_path, "val")] == [
        f"bonn/{stem}"
    ]


def test_coco_stuff__reads_the_zip_files_as_they_are_downloaded(tmp_path):
    write_pair(tmp_path / "a.jpg", tmp_path / "a.png", [[0, 181, 255]])
    for archive, inside, name in (
        ("val2017.zip", "val2017/a.jpg", "a.jpg"),
        ("stuffthingmaps_trainval2017.zip", "val2017/a.png", "a.png"),
    ):
        with zipfile.ZipFile(tmp_path / archive, "w") as file:
            file.write(tmp_path / name, inside)
    assert classes_in("coco-stuff", tmp_path) == ["person", "wood", "-"]


def test_coco_stuff__refuses_ids_that_no_pixel_has(tmp_path):
    write_pair(tmp_path / "val2017/a.jpg", tmp_path / "stuffthingmaps/val2017/a.png", [[11]])
    with pytest.raises(InputError, match="label value 11 on 1 pixel"):
        ids_in("coco-stuff", tmp_path)


def write_panoptic(root: Path, segments: list[dict[str, Any]]) -> None:
    write_pair(
        root / "val2017/000000000139.jpg",
        root / "annotations/panoptic_val2017/000000000139.png",
        [[[0, 0, 0], [1, 2, 3], [4, 0, 0]]],
    )
    annotation = {"file_name": "000000000139.png", "image_id": 139, "segments_info": segments}
    document = {"annotations": [annotation], "categories": [{"id": 1, "name": "person"}]}
    (root / "annotations/panoptic_val2017.json").write_text(json.dumps(document))


def test_coco_panoptic__reads_the_official_png_with_its_json(tmp_path):
    number = 1 + 256 * 2 + 65536 * 3
    crowd = {"id": number, "category_id": 200, "iscrowd": 1, "area": 1, "bbox": [0, 0, 1, 1]}
    write_panoptic(tmp_path, [crowd, {"id": 4, "category_id": 1, "iscrowd": 0}])
    assert ids_in("coco-panoptic", tmp_path) == [[[0, 200, 1]]]


def test_coco_panoptic__names_what_its_json_lacks(tmp_path):
    write_panoptic(tmp_path, [{"id": 4, "category_id": 1}])
    with pytest.raises(InputError, match="got segment 197121 on 1 pixel"):
        ids_in("coco-panoptic", tmp_path)
    (tmp_path / "annotations/panoptic_val2017.json").write_text('{"annotations": []}')
    with pytest.raises(InputError, match=r"wanted every picture in the JSON .* 000000000139"):
        ids_in("coco-panoptic", tmp_path)
    (tmp_path / "annotations/panoptic_val2017.json").write_text("[]")
    with pytest.raises(InputError, match="wanted COCO panoptic annotations"):
        ids_in("coco-panoptic", tmp_path)


def test_coco_panoptic__reads_ids_in_the_folders_of_ade20k(tmp_path):
    at = "validation/a"
    write_pair(tmp_path / f"images/{at}.jpg", tmp_path / f"annotations/{at}.png", [[0, 200]])
    assert ids_in("coco-panoptic", tmp_path) == [[[0, 200]]]


def test_pascal_voc__reads_the_pictures_that_its_list_names(tmp_path):
    for stem in ("a", "b"):
        write_pair(
            tmp_path / f"VOCdevkit/VOC2012/JPEGImages/{stem}.jpg",
            tmp_path / f"VOCdevkit/VOC2012/SegmentationClass/{stem}.png", [[0, 1, 255]],
        )  # fmt: skip
    lists = tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("b\r\n")
    assert classes_in("pascal-voc", tmp_path) == ["-", "aeroplane", "-"]
    assert classes_in("pascal-voc-21", tmp_path) == ["background", "aeroplane", "-"]
    (lists / "val.txt").write_text("b\nc\n")
    with pytest.raises(InputError, match="JPEGImages: wanted c, which ImageSets/"):
        find_samples("pascal-voc", tmp_path, "val")


def test_pascal_context_459__reads_the_16_bit_export_of_some_of_the_pictures(tmp_path):
    write_pair(
        tmp_path / "JPEGImages/a.jpg", tmp_path / "annotations_detectron2/pc459_val/a.tif",
        [[0, 458]], np.uint16,
    )  # fmt: skip
    shutil.copy(tmp_path / "JPEGImages/a.jpg", tmp_path / "JPEGImages/of_train.jpg")
    assert ids_in("pascal-context-459", tmp_path) == [[[0, 458]]]


def test_ade20k_full__reads_the_release_and_the_16_bit_export(tmp_path):
    at = tmp_path / "release/ADE20K_2021_17_01/images/ADE/validation/bath/a"
    write_pair(at.with_suffix(".jpg"), at.with_name("a_seg.png"), [[[110, 163, 1], [0, 0, 0]]])
    Image.new("RGB", (2, 1)).save(at.with_name("a_parts_1.png"))
    export = tmp_path / "export"
    write_pair(
        export / "images_detectron2/validation/a.jpg",
        export / "annotations_detectron2/validation/a.tif", [[846, 65535]], np.uint16,
    )  # fmt: skip
    assert ids_in("ade20k-full", tmp_path / "release") == [[[65535, 65535]]]
    write_pair(at.with_suffix(".jpg"), at.with_name("a_seg.png"), [[[110, 162, 1], [0, 0, 0]]])
    assert ids_in("ade20k-full", tmp_path / "release") == [[[0, 65535]]]  # 2978, a wall
    assert ids_in("ade20k-full", export) == [[[846, 65535]]]


def test_ade20k__is_read_out_of_the_zip_as_it_is_downloaded(tmp_path):
    at = tmp_path / "ADEChallengeData2016"
    write_pair(at / "images/validation/a.jpg", at / "annotations/validation/a.png", [[0, 1]])
    (at / "sceneCategories.txt").write_text("a street\n")
    archive = shutil.make_archive(str(at), "zip", tmp_path, "ADEChallengeData2016")
    (sample,) = find_samples("ade20k", Path(archive), "val")
    assert sample.scene == "street"
    assert classes_in("ade20k", Path(archive)) == ["-", "wall"]


def test_layouts__whose_vocabulary_ships_have_its_name():
    assert {"ade20k", "camvid", "coco-stuff", "cityscapes", "msrc"} <= LAYOUTS.keys()
    for name in LAYOUTS.keys() & {"msrc", "pascal-voc", "pascal-voc-21"}:
        assert load_vocabulary(name).name == name


def test_msrc_and_coco_panoptic__read_the_photographs(shared_data):
    for dataset, folder, counts in (
        ("msrc", "msrc", (330, 110)), ("coco-panoptic", "coco_panoptic", (100, 100))
    ):  # fmt: skip
        for split, count in zip(("train", "val"), counts, strict=True):
            assert len(find_samples(dataset, shared_data / folder, split)) == count
