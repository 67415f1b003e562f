"""Write what a command found as JSON: the one object of ``--json``.

In:  values as Python has them, reports among them.
Out: JSON in one line, on stdout or as text.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any, Protocol

from langseg.pipelines.shared.console import say, speaks


class Report(Protocol):
    """What a command found or did: a frozen dataclass, whose fields are the keys of ``--json``."""

    @property
    def sentence(self) -> str:
        """The report in words, for a person."""


def emit_json(value: object) -> None:
    """The one JSON object of ``--json``, on stdout."""
    if speaks():
        print(json_text(value))


def emit_report(report: Report, as_json: bool) -> None:
    """A report as JSON, or for a person its ``sentence``."""
    if as_json:
        emit_json(report)
    else:
        say(report.sentence)


def json_text(value: object) -> str:
    """JSON in one line, of what ``jsonable`` makes."""
    text = json.dumps(jsonable(value), ensure_ascii=False, allow_nan=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode()  # \udc80 is JSON's own escape, too


def jsonable(value: Any) -> Any:
    """A dataclass as an object of its fields, nan and infinity as null, bytes as hex, a path as
    text."""
    if is_dataclass(value):
        return {field.name: jsonable(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(jsonable(key)): jsonable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, PurePath):
        return str(value)
    return bytes(value).hex() if isinstance(value, (bytes, bytearray, memoryview)) else value
