"""Class lists as a person writes them, and what comes of them."""

from pathlib import Path

import pytest

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.load import vocabulary_of
from langseg.descriptors.vocabulary.vocabulary import Vocabulary


def listed(tmp_path: Path, text: str, suffix: str = "txt") -> Vocabulary:
    path = tmp_path / f"rooms.{suffix}"
    path.write_bytes(text.encode())
    return vocabulary_of(path)


def refusal(tmp_path: Path, text: str, suffix: str = "txt") -> str:
    with pytest.raises(InputError) as caught:
        listed(tmp_path, text, suffix)
    return str(caught.value)


def names(vocabulary: Vocabulary) -> list[str]:
    return [entry.name for entry in vocabulary.classes]
