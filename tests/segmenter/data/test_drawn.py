import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from langseg.cache.errors import InputError
from langseg.segmenter.data.drawn import ClassIds, Shape, draw
from langseg.segmenter.data.encodings import INDEX
from langseg.segmenter.data.own import own_samples
from langseg.segmenter.data.sample import raw_labels

CLASSES = ClassIds.of({"road": 1, "Sky": 2}, (0, 255))
SQUARE = [1.0, 1.0, 5.0, 1.0, 5.0, 4.0, 1.0, 4.0]  # 4 x 3 pixels of 8 x 6
WANTED = np.zeros((6, 8), int)
WANTED[1:4, 1:5] = 2


def ids_of(root: Path, labels: Path) -> list[list[list[int]]]:
    samples = own_samples(
        root / "images", labels, encoding=INDEX, classes=CLASSES, drawn_in=root / "drawn"
    )  # fmt: skip
    return [raw_labels(sample).ids.tolist() for sample in samples]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "images/a.jpg")
    return tmp_path


def coco_json(root: Path, *segmentations: Any, category: str = "sky") -> Path:
    document = {
        "images": [{"id": 7, "file_name": "a.jpg", "height": 6, "width": 8}],
        "categories": [{"id": 30, "name": category}, {"id": 31, "name": "road"}],
        "annotations": [
            {"id": n, "image_id": 7, "category_id": 30 + n, "segmentation": one, "iscrowd": 0}
            for n, one in enumerate(segmentations)
        ],
    }
    (root / "a.json").write_text(json.dumps(document))
    return root / "a.json"


FILLED = np.asfortranarray(WANTED > 0, dtype=np.uint8)
PACKED = {**coco.encode(FILLED), "counts": coco.encode(FILLED)["counts"].decode()}
RUNS = {"size": [6, 8], "counts": [7, 3, 3, 3, 3, 3, 3, 3, 20]}


@pytest.mark.parametrize("outline", [[SQUARE], PACKED, RUNS])
def test_coco__polygons_and_both_kinds_of_rle_are_drawn_alike(root, outline):
    assert ids_of(root, coco_json(root, outline)) == [WANTED.tolist()]


def test_coco__without_the_sizes_of_its_pictures_takes_theirs(root):
    document = json.loads(coco_json(root, [SQUARE]).read_text())
    del document["images"][0]["height"], document["images"][0]["width"]
    (root / "a.json").write_text(json.dumps(document))
    assert ids_of(root, root / "a.json") == [WANTED.tolist()]


def test_coco__a_smaller_shape_lies_on_a_larger_one_whichever_comes_first(root):
    pixel = [2.0, 2.0, 3.0, 2.0, 3.0, 3.0, 2.0, 3.0]
    wanted = WANTED.copy()
    wanted[2, 2] = 1
    assert ids_of(root, coco_json(root, [SQUARE], [pixel])) == [wanted.tolist()]


def test_draw__parts_of_one_shape_are_joined_and_of_equal_shapes_the_later_is_on_top():
    left, right = [0, 0, 2, 0, 2, 2, 0, 2], [1, 0, 3, 0, 3, 2, 1, 2]
    shapes = [Shape(5, [left, right]), Shape(6, [left]), Shape(7, [left])]
    assert draw((2, 4), shapes, rest=255).tolist() == [[7, 7, 5, 255]] * 2


def test_drawn__is_kept_and_drawn_again_when_the_shapes_change(root):
    ids_of(root, coco_json(root, [SQUARE]))
    (kept,) = root.glob("drawn/*/*.png")
    Image.new("L", (8, 6), 1).save(kept)
    assert ids_of(root, coco_json(root, [SQUARE])) == [np.ones((6, 8), int).tolist()]
    assert ids_of(root, coco_json(root, [[0.0, 0.0, 8.0, 0.0, 8.0, 6.0, 0.0, 6.0]])) == [
        np.full((6, 8), 2).tolist()
    ]


def test_yolo__draws_the_class_at_a_place_of_the_list(root):
    (root / "labels").mkdir()
    points = " ".join(f"{x / 8} {y / 6}" for x, y in zip(SQUARE[::2], SQUARE[1::2], strict=True))
    (root / "labels/a.txt").write_text(f"1 {points}\n\n")
    (root / "labels/classes.txt").write_text("road\nsky\n")
    assert ids_of(root, root / "labels") == [WANTED.tolist()]
    (root / "labels/a.txt").write_text("")
    assert ids_of(root, root / "labels") == [np.zeros((6, 8), int).tolist()]


def test_yolo__a_picture_without_a_file_shows_nothing_where_most_have_one(root):
    (root / "labels").mkdir()
    (root / "labels/a.txt").write_text("1 0 0 1 0 1 1 0 1\n")
    Image.new("RGB", (8, 6)).save(root / "images/b.jpg")
    assert ids_of(root, root / "labels") == [np.full((6, 8), 2).tolist(), np.zeros((6, 8)).tolist()]
    Image.new("RGB", (8, 6)).save(root / "images/c.jpg")
    with pytest.raises(InputError, match=r"b.jpg: wanted a partner named b .*partner: 2 of 3 f"):
        ids_of(root, root / "labels")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.2 0.2", "line 1: wanted a polygon, got a box"),
        ("2 0 0 1 0 1 1", r"line 1: wanted a class of 0..1, got 2"),
        ("0 0 0 640 0 640 480", r"wanted coordinates of 0..1, got 640"),
        ("0 -0.5 0 0.9 0 0.9 0.9", r"wanted coordinates of 0..1, got -0\.5"),
        ("0 0 0 1 0 1", "wanted x y of three points at least, got 5"),
        ("road 0 0 1 0 1 1", "wanted numbers"),
    ],
)
def test_yolo__lines_that_are_no_polygon_are_named(root, line, message):
    (root / "labels").mkdir()
    (root / "labels/a.txt").write_text(line)
    with pytest.raises(InputError, match=message):
        ids_of(root, root / "labels")


def brush(mask: np.ndarray) -> list[int]:
    """Label Studio's packed strokes: every byte of RGBA on its own, in one run."""
    values = np.repeat(mask.astype(np.uint8).ravel() * 255, 4)
    bits = f"{len(values):032b}" + f"{7:05b}" + f"{7:04b}" * 3 + f"{15:04b}"
    bits += "0" + "11" + f"{len(values) - 1:016b}" + "".join(f"{v:08b}" for v in values)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]


@pytest.mark.parametrize("kind", ["polygonlabels", "brushlabels"])
def test_label_studio__draws_polygons_and_brush_strokes(root, kind):
    points = [[x * 100 / 8, y * 100 / 6] for x, y in zip(SQUARE[::2], SQUARE[1::2], strict=True)]
    value = {"points": points} if kind == "polygonlabels" else {"rle": brush(WANTED > 0)}
    result = {"type": kind, "original_width": 8, "original_height": 6,
              "value": {**value, kind: ["Sky"]}}  # fmt: skip
    task = {"data": {"image": "/data/upload/1/0a1b2c3d-a.jpg"},
            "annotations": [{"result": [{"type": "choices"}, result]}]}  # fmt: skip
    (root / "ls.json").write_text(json.dumps([task]))
    assert ids_of(root, root / "ls.json") == [WANTED.tolist()]


def test_label_studio__a_picture_on_which_nothing_was_drawn_is_background(root):
    task = {"data": {"image": "a.jpg"}, "annotations": [{"result": []}]}
    (root / "ls.json").write_text(json.dumps([task]))
    assert ids_of(root, root / "ls.json") == [np.zeros((6, 8), int).tolist()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "wanted JSON"),
        ("{}", "wanted COCO's images and annotations, or Label Studio's tasks"),
        ('{"images": [{}], "annotations": [], "categories": []}', "in their usual form"),
        ("[]", "wanted a partner named a"),
    ],
)
def test_json__that_is_no_annotation_is_named(root, text, message):
    (root / "x.json").write_text(text)
    with pytest.raises(InputError, match=message):
        ids_of(root, root / "x.json")


def test_json__with_classes_that_the_list_has_not_or_boxes_alone_is_refused(root):
    with pytest.raises(InputError, match="wanted classes of the list, got 'tree'"):
        ids_of(root, coco_json(root, [SQUARE], category="tree"))
    with pytest.raises(InputError, match="got annotation 0 with a box alone"):
        ids_of(root, coco_json(root, []))


def test_class_ids__of_what_no_shape_covers_are_the_background_or_ignored():
    assert ClassIds.of({"road": 1, "Background": 7}, (0,)).rest == 7
    assert CLASSES.rest == 0
    with pytest.raises(InputError, match="wanted one named background, or ignore_ids"):
        ClassIds.of({"road": 1}, ())
