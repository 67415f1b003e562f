import numpy as np
import pytest

from langseg.cache.errors import InputError, UsageError
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.evaluation.class_mapping import (
    mapping_file,
    read_mapping,
    shipped_mappings,
    translation,
)

MODEL = ("wall", "house", "shop", "sky")
DATASET = [(7, "building"), (8, "sky"), (9, "car")]


def test_translation__gathers_the_models_classes_and_scores_only_what_is_named():
    mapping = {"sky": ("sky",), "building": ("house", "shop")}
    found = translation(mapping, "x.yaml", MODEL, DATASET, [0])
    assert (found.names, found.left_out) == (("building", "sky"), ("car",))
    assert found.table.tolist() == [IGNORE, 0, 0, 1]
    labels = found.rule.classes_of(np.array([[7, 8, 9, 0]]), "labels")
    assert labels.tolist() == [[0, 1, IGNORE, IGNORE]]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"bilding": ("house",)}, "wanted classes of the dataset, got 'bilding'; did you mean"),
        ({"building": ("houses",)}, "wanted classes of the model, got 'houses'; did you mean hou"),
        (
            {"building": ("house",), "sky": ("house",)},
            "wanted the model's 'house' for one class, got it for 'building' and 'sky'",
        ),
    ],
)
def test_translation__names_what_cannot_be_translated(mapping, message):
    with pytest.raises(InputError, match=f"x.yaml: {message}"):
        translation(mapping, "x.yaml", MODEL, DATASET, [0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "got list"),
        ("", "got NoneType"),
        ("a: [b", "wanted a YAML file of classes"),
        ("no: [b]", "for False, got"),
        ("a: []", "for 'a', got"),
        ("a: {b: c}", "for 'a', got"),
        ("a: [1]", "for 'a', got"),
    ],
)
def test_read_mapping__refuses_what_is_no_mapping(tmp_path, text, message):
    file = tmp_path / "m.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_mapping(file)


@pytest.mark.parametrize("name", shipped_mappings())
def test_shipped_mappings__fit_the_vocabularies_that_they_are_named_after(name):
    model, dataset = (load_vocabulary(part) for part in name.split("-to-"))
    classes = [(entry.id, entry.name) for entry in dataset.classes]
    names = [entry.name for entry in model.classes]
    file = mapping_file(name)
    found = translation(read_mapping(file), file, names, classes, dataset.ignore_ids)
    assert len(found.names) > min(len(names), len(classes)) / 2


def test_mapping_file__of_a_name_that_there_is_not_names_those_that_ship():
    with pytest.raises(UsageError, match="ade20k-to-camvid, .*, found neither"):
        mapping_file("ade20k-to-moon")
