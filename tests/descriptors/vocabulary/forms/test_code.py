"""Class lists in Python are read, and nothing is run."""

from pathlib import Path

import pytest

from langseg.descriptors.vocabulary.load import vocabulary_of
from tests.support.class_lists import listed, refusal

MMSEG = """
from mmseg.registry import DATASETS
@DATASETS.register_module()
class Roads(BaseSegDataset):
    METAINFO = dict(
        classes=('sky', 'stop sign'),
        palette=[[0, 0, 0], [1, 1, 1]])
    def __init__(self, img_suffix='.jpg', **kwargs):
        super().__init__(img_suffix=img_suffix, **kwargs)
"""
CITYSCAPES = """
from collections import namedtuple
Label = namedtuple('Label', ['name', 'id', 'trainId', 'category', 'categoryId', 'hasInstances',
                             'ignoreInEval', 'color'])
labels = [
    Label('unlabeled', 0, 255, 'void', 0, False, True, (0, 0, 0)),
    Label('sky', 23, 0, 'sky', 5, False, False, (70, 130, 180)),
    Label('stop sign', 20, 1, 'object', 3, False, False, (220, 220, 0)),
    Label('license plate', -1, -1, 'vehicle', 7, False, True, (0, 0, 142)),
]
name2label = {label.name: label for label in labels}
"""


@pytest.mark.parametrize(
    "text",
    [
        MMSEG,
        CITYSCAPES,
        "CLASSES = ['sky', 'stop sign']\nPALETTE = [[0, 0, 0], [1, 1, 1]]\n",
        "COCO_CATEGORIES = [{'id': 0, 'isthing': 0, 'name': 'sky'},\n"
        "  {'id': 1, 'isthing': 1, 'name': 'stop sign'}]\n",
        "id2label = {0: 'sky', 1: 'stop sign'}\nPATTERN = '\\d'\n",
        "class_names: list[str] = ['background_', 'sky'][1:] or []\nnames = ('sky', 'stop sign')\n",
    ],
)
def test_python__has_the_one_list_of_names_in_it(text: str, tmp_path: Path):
    found = listed(tmp_path, text, "py")
    assert [(e.id - found.classes[0].id, e.name) for e in found.classes] == [
        (0, "sky"), (1, "stop sign"),
    ]  # fmt: skip


def test_cityscapes__has_the_train_ids(tmp_path: Path):
    found = listed(tmp_path, CITYSCAPES, "py")
    assert ([e.id for e in found.classes], found.ignore_ids) == ([0, 1], (255,))
    assert found.read_as.startswith("rooms.py: Cityscapes labels, 2 classes; left out: unlabeled")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("classes = ['a', 'b']\nnames = ['c', 'd']\n", "several lists of names: classes (line 1)"),
        ("classes = load('x.txt')\n", "without a literal list of class names"),
        ("classes = [\n", "Python that cannot be read"),
        ("import os\nclasses = [os.system('touch gone')]\n", "without a literal list"),
    ],
)
def test_python_without_one_list__is_refused(text: str, reason: str, tmp_path: Path):
    assert reason in refusal(tmp_path, text, "py")
    assert not Path("gone").exists()


def test_python_in_a_txt__is_read(tmp_path: Path):
    path = tmp_path / "labels.txt"
    path.write_text("classes = ['sky', 'stop sign']\n")
    assert [entry.name for entry in vocabulary_of(path).classes] == ["sky", "stop sign"]
