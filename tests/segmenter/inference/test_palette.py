import itertools

import numpy as np
import pytest

from langseg.segmenter.inference.palette import LENT_FAR, OWN_FAR, class_colours, lab

STREET = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train",
    "motorcycle", "bicycle",
)  # fmt: skip
INVENTED = [f"thing {number}" for number in range(200)]


def nearest(colours) -> float:
    labs = lab(colours)
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(labs, 2))


def test_lab__is_that_of_known_colours():
    known = lab([(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 0, 255)])
    wanted = [(100, 0, 0), (0, 0, 0), (53.24, 80.09, 67.20), (32.30, 79.19, -107.86)]
    np.testing.assert_allclose(known, wanted, atol=0.02)


@pytest.mark.parametrize(
    ("vocabulary", "name", "colour"),
    [
        ("ade20k", "wall", (120, 120, 120)),
        ("ade20k", "sea", (9, 7, 230)),
        ("ade20k", "flag", (92, 0, 255)),  # the last: no colour is left out or shifted
        ("cityscapes", "car", (0, 0, 142)),
        ("camvid", "bicyclist", (0, 128, 192)),
        ("pascal-voc-21", "background", (0, 0, 0)),
        ("pascal-voc", "tvmonitor", (0, 64, 128)),
        ("msrc", "boat", (192, 64, 0)),
        ("coco-stuff", "person", (220, 20, 60)),
        ("coco-panoptic", "sky-other-merged", (70, 130, 180)),
        ("coco-stuff", "sky-other", (70, 130, 180)),  # what panoptic merged it into
    ],
)
def test_class_colours__of_a_dataset_are_its_own(vocabulary, name, colour):
    assert class_colours(["thing 1", name], vocabulary)[1] == colour


def test_class_colours__follow_the_names_where_the_vocabulary_is_anybodys():
    assert class_colours(STREET, "my list") == class_colours(STREET, "cityscapes")
    assert class_colours(["sky", "Tree", "traffic_light"], "my list") == class_colours(
        ["sky", "tree", "traffic light"], "ade20k"
    )


def test_class_colours__of_own_classes_are_far_apart_and_from_those_lent():
    colours = class_colours(["sky", "sea", *INVENTED[:20]])
    assert colours[:2] == ((6, 230, 230), (9, 7, 230))
    assert nearest(colours) >= OWN_FAR
    assert nearest(class_colours(INVENTED)) > 10


def test_class_colours__lent_are_told_apart_from_one_another():
    """tvmonitor's of Pascal VOC is nearly ADE20K's of nothing here; aeroplane's is kept, too."""
    names = ["aeroplane", "sky", "road", "wall", "tvmonitor", "zebra"]
    colours = class_colours(names)
    assert colours[:4] == ((128, 0, 0), (6, 230, 230), (140, 140, 140), (120, 120, 120))
    assert nearest(colours) >= LENT_FAR


def test_class_colours__hang_on_the_name_and_not_on_its_place():
    names = ["zebra fish", "lichen", "thistle", "sky"]
    colours = dict(zip(names, class_colours(names), strict=True))
    for order in itertools.permutations(names):
        assert dict(zip(order, class_colours(order), strict=True)) == colours
    for name in names:
        assert class_colours([name]) == (colours[name],)
    assert colours["lichen"] == (68, 17, 187)  # in every run and on every machine


def test_class_colours__one_of_two_names_with_the_same_wish_keeps_it():
    """ "pipette" wishes for nearly the colour of the sky, and gives way."""
    assert nearest([class_colours(["pipette"])[0], class_colours(["sky"])[0]]) < OWN_FAR
    sky, pipette = class_colours(["sky", "pipette"])
    assert (pipette, sky) == class_colours(["pipette", "sky"])
    assert sky == class_colours(["sky"])[0]
    assert nearest([sky, pipette]) >= OWN_FAR


def test_class_colours__differ_for_names_that_are_spoken_alike_and_for_thousands():
    assert len(set(class_colours(["T-shirt", "t shirt"]))) == 2
    assert len(set(class_colours([f"n{number}" for number in range(1500)]))) == 1500
