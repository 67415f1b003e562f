"""Write what a command found as JSON: the one object of ``--json``.

In:  values as Python has them, nan and bytes among them.
Out: JSON in one line, on stdout or as text.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from langseg.pipelines.shared.console import say


def emit_json(value: Any) -> None:
    """The one JSON object of ``--json``, on stdout."""
    print(json_text(value))


def emit_report(report: Mapping[str, Any], as_json: bool) -> None:
    """A report as JSON, or for a person the ``sentence`` in it."""
    if as_json:
        emit_json(report)
    else:
        say(report["sentence"])


def json_text(value: Any) -> str:
    """JSON in one line: nan and infinity as null, bytes as hex."""
    text = json.dumps(_jsonable(value), ensure_ascii=False, allow_nan=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode()  # \udc80 is JSON's own escape, too


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(_jsonable(key)): _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return bytes(value).hex() if isinstance(value, (bytes, bytearray, memoryview)) else value
