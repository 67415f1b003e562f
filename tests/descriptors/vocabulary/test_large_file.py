"""The categories of a COCO file are found however large the rest of it is."""

import json
from pathlib import Path

import pytest

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary import large_file
from langseg.descriptors.vocabulary.large_file import categories_of
from langseg.descriptors.vocabulary.load import vocabulary_of
from tests.support.class_lists import names

CATEGORIES = [{"id": 1, "name": "person"}, {"id": 13, "name": "stop sign"}]


def coco(path: Path, **more: object) -> Path:
    document = {"annotations": [{"id": i, "bbox": [1, 2, 3, 4]} for i in range(200)], **more}
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("piece", [1 << 20, 96, 101, 127])  # wherever two pieces meet
def test_categories__are_found_in_pieces(piece, tmp_path, monkeypatch):
    monkeypatch.setattr(large_file, "_PIECE", piece)
    path = coco(tmp_path / "a.json", categories=CATEGORIES, info={"x": "y" * 300})
    assert json.loads(categories_of(path)) == {"categories": CATEGORIES}


def test_large_file__is_a_class_list(tmp_path):
    path = coco(tmp_path / "a.json", info="x" * 17_000_000, categories=CATEGORIES)
    assert names(vocabulary_of(path)) == ["person", "stop sign"]


@pytest.mark.parametrize(
    ("more", "limit", "reason"),
    [
        ({}, 1 << 20, "wanted one list 'categories' in it, got none"),
        ({"a": {"categories": CATEGORIES}, "categories": CATEGORIES[:1]}, 1 << 20, "2 that differ"),
        ({"categories": CATEGORIES}, 1000, "at most 1,000 bytes.*jq '{categories}' a.json"),
    ],
)
def test_large_file_without_its_categories__is_refused(more, limit, reason, tmp_path):
    with pytest.raises(InputError, match=reason):
        categories_of(coco(tmp_path / "a.json", **more), max_bytes=limit)
