"""Which classes are hidden together, by names, mappings and the lines that ship."""

import torch

from langseg.segmenter.comparison.same_things import same_things


def same(ours, theirs, mappings=()):
    found = same_things([[*one] for one in ours], [[*one] for one in theirs], mappings)
    return [[theirs[place][0] for place in row.nonzero()[:, 0]] for row in found]


def test_same_things__are_classes_that_share_a_name_or_a_synonym_in_any_case():
    ours = (("aeroplane", "airplane"), ("Sky",), ("dog",))
    theirs = (("cat",), ("airplane",), ("sky-other", "sky"))
    assert same(ours, theirs) == [["airplane"], ["sky-other"], []]


def test_same_things__are_those_of_a_mapping_in_either_direction():
    ours, theirs = (("tree",), ("house",)), (("oak",), ("shed",), ("moon",))
    assert same(ours, theirs, [{"tree": ["oak"], "house": ["shed"]}]) == [["oak"], ["shed"]]
    assert same(ours, theirs, [{"oak": ["tree"], "shed": ["house"]}]) == [["oak"], ["shed"]]


def test_same_things__are_a_person_and_what_is_seen_of_one():
    ours = (("face",), ("body", "human body"), ("cat",))
    theirs = (("person", "human"), ("bicyclist", "cyclist"), ("bicycle",))
    assert same(ours, theirs) == [["person", "bicyclist"]] * 2 + [[]]
    assert same(theirs, ours) == [["face", "body"], ["face", "body"], []]


def test_same_things__a_line_may_name_a_class_of_one_dataset_alone():
    grass = (("grass", "msrc: grass"),)
    assert same(grass, (("tree", "camvid: tree"),)) == [["tree"]]
    assert same(grass, (("tree", "ade20k: tree"),)) == [[]]


def test_same_things__of_none_are_none():
    assert same_things([["a"]], [["b"]], ()).dtype == torch.bool
