"""Class lists in JSON and YAML are read in the forms that datasets and tools write."""

import json
from pathlib import Path
from typing import Any

import pytest

from langseg.descriptors.vocabulary.load import vocabulary_of
from tests.support.class_lists import refusal

COCO = [
    {"supercategory": "person", "id": 1, "name": "person"},
    {"supercategory": "outdoor", "id": 13, "name": "stop sign"},
]
PANOPTIC = [
    {"supercategory": "person", "color": [220, 20, 60], "isthing": 1, "id": 1, "name": "person"},
    {"supercategory": "wall", "color": [1, 2, 3], "isthing": 0, "id": 13, "name": "stop sign"},
]
ROBOFLOW = [
    {"id": 0, "name": "road-signs", "supercategory": "none"},
    {"id": 1, "name": "person", "supercategory": "road-signs"},
    {"id": 13, "name": "stop sign", "supercategory": "road-signs"},
]
CVAT = [
    {"name": "person", "id": 1, "color": "#ff0000", "type": "any", "attributes": []},
    {"name": "stop sign", "id": 13, "color": "#00ff00", "type": "any", "attributes": []},
]
SUPERVISELY = [
    {"title": "person", "shape": "polygon", "color": "#A81010", "geometry_config": {}, "id": 1},
    {"title": "stop sign", "shape": "bitmap", "color": "#10A810", "geometry_config": {}, "id": 13},
]


def read(tmp_path: Path, document: Any, suffix: str = "json") -> tuple[str, list[tuple[int, str]]]:
    path = tmp_path / f"list.{suffix}"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    found = vocabulary_of(path)
    form = found.read_as.removeprefix(f"list.{suffix}: ").partition(", ")[0]
    return form, [(entry.id, entry.name) for entry in found.classes]


@pytest.mark.parametrize(
    ("document", "form"),
    [
        ({"info": {}, "images": [], "annotations": [], "categories": COCO}, "COCO categories"),
        (COCO, "COCO categories"),
        (PANOPTIC, "COCO panoptic categories"),
        ({"images": [{"id": 1}], "categories": ROBOFLOW}, "COCO categories"),
        ({"categories": [{"id": 1, "name": "person"}, {"id": 13, "name": "stop sign"}],
          "info": {"year": 2026}}, "categories"),
        (CVAT, "CVAT labels"),
        ({"classes": SUPERVISELY, "tags": [], "projectType": "images"}, "Supervisely classes"),
        ({"1": "person", "13": "stop sign"}, "ids with names"),
        ({"id2label": {"1": "person", "13": "stop sign"}, "architectures": ["Segformer"],
          "label2id": {"person": 1, "stop sign": 13}},
         "id2label of a transformers config"),
        ({"label2id": {"person": 1, "stop sign": 13}}, "label2id of a transformers config"),
        ({"person": 1, "stop sign": 13}, "names with ids"),
        ({"1": ["n00007846", "person"], "13": ["n06794110", "stop sign"]}, "ImageNet class index"),
        ({"1": {"name": "person", "color": [1, 2, 3]}, "13": {"name": "stop sign"}},
         "objects with names"),
        ({"person": {"id": 1, "color": "#fff000"}, "stop sign": {"id": 13}}, "objects with names"),
        ({"categories": [{"id": "13", "name": "stop sign"}, {"id": "1", "name": "person"}][::-1],
          "info": {"contributor": "Label Studio"}}, "categories"),
        ([{"hasInstances": False, "category": "void", "catid": 0, "name": "unlabeled",
           "ignoreInEval": True, "id": 0, "color": [0, 0, 0], "trainId": 255},
          {"hasInstances": True, "category": "x", "catid": 1, "name": "person",
           "ignoreInEval": False, "id": 24, "color": [0, 0, 1], "trainId": 1},
          {"hasInstances": True, "category": "x", "catid": 1, "name": "stop sign",
           "ignoreInEval": False, "id": 20, "color": [0, 0, 2], "trainId": 13}],
         "Cityscapes labels"),
        ([[1, "person"], [13, "stop sign"]], "ids with names"),
        ({"class_to_idx": {"person": 1, "stop sign": 13}}, "classes with indices"),
        ({"mask_targets": {"1": "person", "13": "stop sign"}}, "FiftyOne mask targets"),
    ],
)  # fmt: skip
def test_json_of_a_dataset__has_its_ids_and_names(document: object, form: str, tmp_path: Path):
    assert read(tmp_path, document) == (form, [(1, "person"), (13, "stop sign")])


@pytest.mark.parametrize(
    ("text", "suffix", "form"),
    [
        ("path: ../x\ntrain: images/train\nnames:\n  0: person\n  1: stop sign\n", "yaml",
         "YOLO data.yaml"),
        ("train: ../train\nval: ../val\nnc: 2\nnames: ['person', 'stop sign']\n\nroboflow:\n"
         "  workspace: w\n", "yaml", "YOLO data.yaml"),
        ("train: a\nval: b\nnc: 2\nnames:\n- person\n- stop sign\n", "yml", "YOLO data.yaml"),
        ("names:\n  0: person\n  1: stop sign\n", "txt", "YOLO data.yaml"),
        ("labels:\n  0: person\n  1: stop sign\ncolor_map:\n  0: [0, 0, 0]\n",
         "yaml", "labels"),
        ('{"metainfo": {"classes": ["person", "stop sign"]}, "data_list": []}', "json",
         "mmseg metainfo"),
        ('{"thing_classes": ["person"], "stuff_classes": ["stop sign"]}', "json",
         "detectron2 metadata"),
        ('{"thing_classes": ["person"], "stuff_classes": ["person", "stop sign"]}', "json",
         "detectron2 metadata"),
        ('{"label_names": ["person", "stop sign"]}', "json", "label names"),
        ('{"default": {"features": {"image": {"_type": "Image"}, "label": {"names": ["person", '
         '"stop sign"], "_type": "ClassLabel"}}}}', "json",
         "ClassLabel of a Hugging Face dataset"),
        ("dataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n"
         "        names:\n          '0': person\n          '1': stop sign\n", "yaml",
         "ClassLabel of a Hugging Face dataset"),
        ("{0: 'person',\n 1: 'stop sign'}", "txt", "ids with names"),
        ("{0: 'person',\n 1: 'stop sign',}", "json", "ids with names"),
        ('{"id": 0, "name": "person"}\n{"id": 1, "name": "stop sign"}\n', "jsonl", ""),
    ],
)  # fmt: skip
def test_list_without_ids__counts_them_from_zero(text: str, suffix: str, form: str, tmp_path: Path):
    assert read(tmp_path, text, suffix) == (form, [(0, "person"), (1, "stop sign")])


def test_own_list__may_say_how_many_it_has_and_must_then_have_as_many(tmp_path: Path):
    document = {"classes": ["person", "stop sign"], "num_classes": 2}
    assert read(tmp_path, document)[1] == [(1, "person"), (2, "stop sign")]
    text = json.dumps({**document, "num_classes": 3})
    assert "num_classes: 3 beside 2 names" in refusal(tmp_path, text, "json")


def test_own_list__may_be_in_a_file_called_txt(tmp_path: Path):
    assert read(tmp_path, "['person', 'stop sign']", "txt")[1] == [(1, "person"), (2, "stop sign")]


def test_lvis__has_synonyms_and_definitions(tmp_path: Path):
    path = tmp_path / "lvis.json"
    row = {"synset": "aerosol.n.02", "synonyms": ["aerosol_can", "spray_can"], "id": 1,
           "def": "a dispenser that holds a substance under pressure " * 9, "name": "aerosol_can",
           "frequency": "c", "image_count": 64, "instance_count": 109}  # fmt: skip
    path.write_text(json.dumps({"categories": [row]}))
    vocabulary = vocabulary_of(path)
    (entry,) = vocabulary.classes
    assert "spray_can" in entry.synonyms
    assert (len(entry.definition) <= 300, entry.definition[:12]) == (True, "a dispenser ")
    assert vocabulary.read_as == (
        "lvis.json: LVIS categories, 1 classes; not read: synset, frequency, image_count, "
        "instance_count"
    )


def test_mapillary__has_its_readable_names_and_leaves_out_what_it_does_not_score(tmp_path: Path):
    path = tmp_path / "config.json"
    labels = [
        {"color": [165, 42, 42], "readable": "Bird", "name": "animal--bird", "evaluate": True},
        {"color": [0, 0, 0], "readable": "Ego Vehicle", "name": "void--ego", "evaluate": False},
        {"color": [1, 1, 1], "readable": "Lane Marking - Crosswalk", "name": "marking--crosswalk",
         "evaluate": True},
    ]  # fmt: skip
    path.write_text(json.dumps({"version": 1.2, "labels": labels}))
    found = vocabulary_of(path)
    names = [(entry.id, entry.name) for entry in found.classes]
    assert names == [(0, "Bird"), (2, "Lane Marking - Crosswalk")]
    assert found.ignore_ids == (1, 255)
    assert "left out: Ego Vehicle" in found.read_as


def test_torchvisions_list__has_gaps_in_its_ids(tmp_path: Path):
    names = ["__background__", "person", "N/A", "stop sign", "N/A", "dog"]
    form, found = read(tmp_path, names)
    assert form == "torchvision categories"
    assert [number for number, _ in found] == [0, 1, 3, 5]


def test_colours_by_name__are_names(tmp_path: Path):
    form, found = read(tmp_path, {"person": [1, 2, 3], "stop sign": "#ff0000"})
    assert (form, found) == ("names with colours", [(1, "person"), (2, "stop sign")])


@pytest.mark.parametrize(
    ("text", "suffix", "reason"),
    [
        ('{"images": [{"id": 1}], "annotations": [{"category_id": 3}]}', "json",
         "annotations without their 'categories'"),
        ('[{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}]', "json",
         "COCO results, which have ids and no names"),
        ('[{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": []}]}]', "json",
         "give the labelling config"),
        ('{"version": "5.0", "shapes": [{"label": "cat"}], "imagePath": "a.jpg"}', "json",
         "labelme: labels.txt"),
        ('{"imgHeight": 1024, "imgWidth": 2048, "objects": [{"label": "car"}]}', "json",
         "annotations, which name only what is in their pictures"),
        ('{"cat": ["soft fur", "four legs"], "dog": ["wet nose"]}', "json", "langseg-desc import"),
        ('[{"class_name": "cat", "text": "soft fur"}]', "json", "langseg-desc import"),
        ("nc: 3\nnames: [person, bench]\n", "yaml", "nc: 3 beside 2 names"),
        ("train: a\nval: b\nnc: 2\n", "yaml", "neither a list of names"),
        ("batch_size: 16\nlr: 0.1\n", "yaml", "neither a list of names"),
        ('{"person": 812, "car": 812}', "json", "counts, or settings, no ids"),
        ('{"0": "wall", "0": "sky"}', "json", "the key '0' twice"),
        ('{"n02119789": 0, "n02100735": 1}', "json", "are keys of a dataset"),
        ('["missile", "tench", "missile"]', "json", "row 3: 'missile' is the name of row 1 again"),
        ('{"epochs": 3, "batch": 16}', "json", "counts, or settings, no ids"),
        ("classes: wall, sky, tree\n", "yaml", "all classes in one text, 'wall, sky, tree'"),
        ("['wall', '\\d' 3]", "json", "JSON that is broken"),
        ('["wall", "sky"', "json", "JSON that is broken"),
        ('["person, car, dog, tree"]', "json", "all names in one text"),
        ('[{"name": "wall", "synonym": "x"}]', "json", "unknown key 'synonym'"),
        ('[{"name": "wall", "color": "#ffffff", "synonym": "x"}]', "json",
         "unknown key 'synonym'"),
        ('{"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}', "json", "placeholders"),
        ("names:\n  0: person\n  1: no\n", "yaml", "got False (put it in quotes)"),
        ("names:\n  0: person\n  0: car\n", "yaml", "the key 0 twice"),
    ],
)  # fmt: skip
def test_document_that_is_no_class_list__is_refused_with_what_it_is(
    text: str, suffix: str, reason: str, tmp_path: Path
):
    assert reason in refusal(tmp_path, text, suffix)
