"""Columns of strings come back as they were, each distinct string stored once."""

import numpy as np
import pytest

from langseg.cache.bank.strings import packed, unpacked


@pytest.mark.parametrize(
    "strings",
    [[], [""], ["", "", ""], ["wall", "sky", "wall"], ["Häuser", "蓝天", "a\nb\0c", "", "🌳 tree"]],
)
def test_unpacked__is_what_was_packed(strings: list[str]):
    assert unpacked(packed(strings)) == strings


def test_packed__holds_each_distinct_string_once():
    parts = packed(["brick wall"] * 500 + ["sky"])
    assert parts["utf8"].tobytes() == b"brick wallsky"
    assert parts["codes"].nbytes == 501


@pytest.mark.parametrize(("distinct", "kind"), [(256, np.uint8), (257, np.uint16)])
def test_packed__has_codes_as_narrow_as_their_number_allows(distinct: int, kind: type):
    strings = [str(number) for number in range(distinct)]
    parts = packed(strings)
    assert parts["codes"].dtype == kind
    assert unpacked(parts) == strings
