from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.check import Doubt, LabelCheck, check_labels, usual_shares
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.layouts.registry import find_samples
from langseg.segmenter.data.sample import Sample
from tests.support.tiny_segmenter import write_camvid

RULE = LabelRule((1, 2, 3), (0,))
NAMES = ("one", "two", "three")
ADE20K = LabelRule(range(1, 151), (0, 255))
ADE20K_NAMES = [f"class {i}" for i in range(150)]


def kinds(check: LabelCheck) -> list[str]:
    return [doubt.kind for doubt in check.doubts]


def written(folder: Path, *maps: NDArray[np.integer] | Image.Image) -> list[Sample]:
    """A picture and a label file for each map."""
    samples = []
    for place, one in enumerate(maps):
        labels = one if isinstance(one, Image.Image) else Image.fromarray(one.astype(np.uint8))
        image_at, labels_at = folder / f"{place}.jpg", folder / f"{place}.png"
        labels.save(labels_at)
        Image.new("RGB", labels.size, "grey").save(image_at)
        samples.append(Sample(str(place), image_at, labels_at, "*"))
    return samples


def test_check_labels__counts_each_class_and_the_unlabelled_last(tmp_path):
    samples = write_camvid(tmp_path, count=4)  # filled with 0, 1, 2, 3; corners of 16 pixels are 1
    area = 24 * 32
    check = check_labels(samples, RULE, NAMES)
    assert check.counts.sum(axis=0).tolist() == [area + 48, area - 16, area - 16, area - 16]
    assert check.classes_found.tolist() == [0, 1, 2]
    assert check.labelled_share == pytest.approx((3 * area + 16) / (4 * area))


def test_check_labels__finds_a_bad_value_and_a_wrong_size_before_training(tmp_path):
    samples = write_camvid(tmp_path)
    Image.new("L", (32, 24), 200).save(tmp_path / "trainannot/3.png")
    with pytest.raises(InputError, match=r"3.png: label value 200 on 768 pixels"):
        check_labels(samples, RULE, NAMES)
    Image.new("L", (32, 25), 1).save(tmp_path / "trainannot/3.png")
    with pytest.raises(InputError, match=r"3.png: wanted labels of 32x24"):
        check_labels(samples, RULE, NAMES)
    (tmp_path / "trainannot/1.png").write_bytes(b"no picture")
    check = check_labels(samples, RULE, NAMES, all_faults=True)
    assert [str(fault).split(":")[0][-5:] for fault in check.faults] == ["1.png", "3.png"]
    assert check.counts[1].sum() == check.counts[3].sum() == 0


def test_check_labels__refuses_a_split_in_which_nothing_is_labelled(tmp_path):
    samples = written(tmp_path, *(np.array([[0, 255]]),) * 3)
    with pytest.raises(InputError, match=r"no pixel is labelled: they hold 0, 255 alone"):
        check_labels(samples, ADE20K, ADE20K_NAMES)


def full(*values: int) -> NDArray[np.uint8]:
    return np.array([values] * 4, np.uint8)


def palette(*colours: int) -> Image.Image:
    image = Image.new("P", (4, 4), 3)
    image.putpalette([*colours])
    return image


@pytest.mark.parametrize(
    ("kind", "maps", "rule"),
    [
        ("two marks for unlabelled", [full(0, 255, 7), full(3, 4, 5)], ADE20K),
        ("nothing labelled", [full(1, 2), full(0, 0)], ADE20K),
        ("two values", [full(0, 1), full(1, 1)], ADE20K),
        ("two values", [full(0, 255), full(255, 255)], LabelRule((255, 1, 2), (0,))),
        ("palettes differ", [palette(*range(12)), palette(*range(1, 13))], ADE20K),
        ("little labelled", [np.pad(full(5), ((0, 30), (0, 30)))], ADE20K),
        ("few classes", [full(4, 5)] * 19 + [full(5, 4)], ADE20K),
        # of a tool that writes 0/255
        ("one class", [full(0, 255)] * 2 + [full(255, 0)], LabelRule((0, 1), (255,))),
        ("one class", [full(0, 0)] * 3, LabelRule((0, 1), (255,))),
        ("one class", [full(4, 4)] * 20, ADE20K),
        ("one class", [full(0, 1)], LabelRule((1,), (0,))),
        ("ids off by one", [full(0, 1), full(2, 1)], LabelRule((1, 2, 3), (0, 255))),
        ("labels all the same", [full(4, 5)] * 3, ADE20K),
    ],
)
def test_check_labels__doubts(tmp_path, kind, maps, rule):
    names = [f"class {i}" for i in range(rule.num_classes)]
    assert kinds(check_labels(written(tmp_path, *maps), rule, names)) == [kind]


@pytest.mark.parametrize(
    "maps",
    [
        [full(4, 5)] * 2,
        [full(4, 5)] * 9 + [full(5, 4)],
        [full(4, 4, 5, 5), full(4, 4, 5, 5), np.array([[4] * 8, [5] * 8])],  # the same bytes
    ],
)
def test_check_labels__doubts_no_labels_of_which_one_map_differs(tmp_path, maps):
    check = check_labels(written(tmp_path, *maps), ADE20K, ADE20K_NAMES)
    assert "labels all the same" not in kinds(check)


def test_check_labels__doubts_no_list_whose_last_class_occurs_or_whose_ids_begin_with_0(tmp_path):
    for maps, rule in (
        ([full(0, 1), full(2, 3)], LabelRule((1, 2, 3), (0, 255))),
        ([full(0, 1)], LabelRule((1, 2, 3, 4), (0, 255))),  # a class in between is absent, too
        ([full(0, 1, 255), full(2, 1)], LabelRule((0, 1, 2), (255,))),
    ):
        check = check_labels(written(tmp_path, *maps), rule, ("one", "two", "three", "four"))
        assert "ids off by one" not in kinds(check)


@pytest.mark.parametrize("way", ["BILINEAR", "BICUBIC", "NEAREST"])
def test_check_labels__doubts_labels_that_were_scaled_like_a_picture(tmp_path, way):
    ids = np.random.default_rng(0).choice([20, 60, 120], (8, 8)).repeat(8, 0).repeat(8, 1)
    small = Image.fromarray(ids.astype(np.uint8))
    large = small.resize((96, 96), Image.Resampling[way])
    check = check_labels(written(tmp_path, ids, large), ADE20K, ADE20K_NAMES)
    doubts = [doubt for doubt in check.doubts if doubt.kind == "blurred labels"]
    if way == "NEAREST":
        assert not doubts
    else:
        (doubt,) = doubts
        assert "in 1 of 2 label files" in doubt.sentence
        assert "1.png" in doubt.sentence


def test_check_labels__of_one_ignored_value_says_nothing_of_two(tmp_path):
    check = check_labels(written(tmp_path, full(0, 0)), ADE20K, ADE20K_NAMES, all_faults=True)
    assert kinds(check) == ["little labelled", "nothing labelled"]


def test_check_labels__of_background_beside_an_ignored_mark_names_the_mark(tmp_path):
    samples = written(tmp_path, full(0, 255), full(255, 0), full(0, 255))
    (doubt,) = check_labels(samples, LabelRule((0, 1), (255,)), ("rest", "lesion")).doubts
    assert "are rest, one of 2 classes beside 255, which mean unlabelled" in doubt.sentence
    assert check_labels(samples[:2], LabelRule((0, 1), (255,)), ("rest", "lesion")).doubts == ()


@pytest.mark.parametrize("turn", [2, 3, 4])
def test_check_labels__doubts_pictures_that_exif_turns_without_their_labels(tmp_path, turn):
    samples = written(tmp_path, full(1, 2, 3), full(3, 2, 1))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    Image.new("RGB", (3, 4)).save(tmp_path / "1.jpg", exif=exif)
    (doubt,) = check_labels(samples, RULE, NAMES).doubts
    assert doubt.sentence.startswith("EXIF turns or mirrors 1 picture without")
    assert "1.jpg" in doubt.sentence


@pytest.mark.parametrize("name", ["camvid", "msrc", "coco-panoptic"])
def test_check_labels__tells_ids_that_are_off_by_one_in_real_labels(name, shared_data, tmp_path):
    folder = shared_data / name.replace("-", "_")
    samples = find_samples(name, folder, "val")[::2]
    shares = usual_shares()[name]
    ids = tuple(range(min(shares), max(shares) + 1))
    rule = LabelRule(ids, (0, 255) if ids[0] else (11, 255))
    right = check_labels(samples, rule, [""] * rule.num_classes, vocabulary=name)
    assert "ids off by one" not in kinds(right)
    moved = []
    for sample in samples:
        raw = np.asarray(Image.open(str(sample.labels)))
        moved.append(np.where((raw >= ids[0]) & (raw < ids[-1]), raw + 1, 0 if ids[0] else 11))
    wrong = check_labels(written(tmp_path, *moved), rule, [""] * len(ids), vocabulary=name)
    (doubt,) = [doubt for doubt in wrong.doubts if doubt.kind == "ids off by one"]
    assert "one too high" in doubt.sentence


def test_check_labels__doubts_none_of_the_real_data(shared_data):
    def doubts(name: str, folder: str, rule: LabelRule) -> tuple[Doubt, ...]:
        samples = find_samples(name, shared_data / folder, "val")
        return check_labels(samples, rule, [""] * rule.num_classes, vocabulary=name).doubts

    assert doubts("camvid", "camvid", LabelRule(range(11), (11, 255))) == ()
    assert doubts("ade20k", "ade20k_sample", ADE20K) == ()
    assert doubts("msrc", "msrc", LabelRule(range(1, 24), (0,))) == ()
