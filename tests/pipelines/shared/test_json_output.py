"""Whatever a command found, `--json` is one line of JSON."""

import json
from datetime import date

from langseg.pipelines.shared.json_output import emit_json


def test_emit_json__writes_what_json_lacks_as_null_hex_or_text(capsys):
    value = {"a": [float("nan"), (float("-inf"), b"\x00\xff")], 5: date(2026, 1, 2), "s": "\udc80"}
    emit_json({"nested": value})
    read = json.loads(capsys.readouterr().out)["nested"]
    assert read == {"a": [None, [None, "00ff"]], "5": "2026-01-02", "s": "\udc80"}


def test_emit_json__is_one_line_that_keeps_letters(capsys):
    emit_json({"café": [1, None]})
    assert capsys.readouterr().out == '{"café": [1, null]}\n'
