"""A sealed document has one spelling, which no changed bit and no edit has."""

import json
import math

import pytest

from langseg.cache.keys import canonical_json, sha256_hex
from langseg.cache.sealed import parse, parse_line, render, render_line, seal_of

DOCUMENT = {"name": "zwölf", "number": 7, "parts": {"b": [1, 2], "a": [{"path": "x", "rows": 3}]}}


def test_render__spells_a_document_as_the_files_on_disk_are():
    sha256 = sha256_hex(canonical_json(DOCUMENT))
    assert render({"name": "zwölf", "number": 7}) == (
        b'{\n "sha256": "' + sha256_hex('{"name":"zwölf","number":7}').encode() + b'",\n'
        b' "name": "zw\xc3\xb6lf",\n "number": 7\n}\n'
    )
    ordered = json.loads(render(DOCUMENT, sort_keys=True))
    assert list(ordered) == ["name", "number", "parts", "sha256"]
    assert ordered["sha256"] == seal_of(DOCUMENT) == seal_of(ordered) == sha256


def test_render_line__spells_a_line_as_the_files_on_disk_are():
    bare = '{"name":"zw\\u00f6lf","v":1}'
    value = {"v": 1, "name": "zwölf"}
    line = '{"name":"zw\\u00f6lf","sha256":"%s","v":1}\n'
    assert render_line(value).decode() == line % sha256_hex(bare)
    assert render_line(value, digits=16).decode() == line % sha256_hex(bare)[:16]
    assert render_line(value, end="\n").decode() == line % sha256_hex(f"{bare}\n")


@pytest.mark.parametrize("flags", [{}, {"sort_keys": True}])
def test_parse__gives_back_what_was_rendered_and_refuses_any_flipped_bit(flags):
    data = render(DOCUMENT, **flags)
    document = parse(data, **flags)
    assert {**DOCUMENT, "sha256": seal_of(DOCUMENT)} == document
    assert render(document, **flags) == data
    for bit in range(8 * len(data)):
        with pytest.raises(ValueError):  # noqa: PT011 (bytes that are no JSON say so themselves)
            parse(flipped(data, bit), **flags)


@pytest.mark.parametrize("flags", [{}, {"digits": 16}, {"end": "\n"}])
def test_parse_line__gives_back_what_was_rendered_and_refuses_any_flipped_bit(flags):
    line = render_line(DOCUMENT, **flags)
    document = parse_line(line, **flags)
    assert {name: document[name] for name in DOCUMENT} == DOCUMENT
    for bit in range(8 * len(line)):
        with pytest.raises(ValueError):  # noqa: PT011
            parse_line(flipped(line, bit), **flags)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"7", b"{}", b"[" * 100_000, b'{"sha256": 5}\n', b"\xff"]
)
def test_parse__of_what_was_never_sealed_is_a_value_error(data):
    for read in (parse, parse_line):
        with pytest.raises(ValueError):  # noqa: PT011
            read(data)


def test_render__refuses_a_number_that_json_lacks():
    for write in (render, render_line):
        with pytest.raises(ValueError, match="JSON compliant"):
            write({"cost": math.nan})


def flipped(data: bytes, bit: int) -> bytes:
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)
