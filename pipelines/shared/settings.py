"""Turn a YAML file and command-line flags into one frozen configuration per command.

In:  ``--config FILE`` (optional) and the flags that were given; a flag beats the file.
Out: a validated configuration; or every mistake in one message.

Each setting has its default and its words in the class of its command's configuration, once:
``pipelines.cli.options`` makes flags of them.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from langseg.cache.errors import UsageError

_SHOWN_CHARS = 40
ARGUMENT: dict[str, Any] = {"argument": True}  # marks a field that is no flag but an argument


class Settings(BaseModel):
    """Base of every configuration: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


Config = TypeVar("Config", bound=BaseModel)


def load_config(kind: type[Config], file: Path | None, flags: Mapping[str, Any]) -> Config:
    """Merge defaults, YAML and flags (``None`` = not given), in that order, nested ones too.

    A vocabulary named by a flag replaces the file's, whichever of the two keys names it.
    Raises: UsageError, listing every unknown key and every value out of range. It never holds
    the value of an unknown key, which may be a secret.
    """
    below = read_settings(file) if file else {}
    for given, replaced in (("dataset", "classes"), ("classes", "dataset")):
        if flags.get(given) is not None and replaced in kind.model_fields:
            below.pop(replaced, None)
    try:
        return kind(**_merged(below, flags))
    except ValidationError as exc:
        problems = dict.fromkeys(_problem(kind, error) for error in exc.errors())
        where = f"{file}: " if file else ""
        raise UsageError(where + "; ".join(problems)) from None  # pydantic's text holds values


def _problem(kind: type[BaseModel], error: Mapping[str, Any]) -> str:
    """One mistake that pydantic found, in our words."""
    name, context = ".".join(map(str, error["loc"])), error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        close = get_close_matches(name, kind.model_fields, n=1)
        return f"{name}: no such setting" + (f"; did you mean {close[0]}?" if close else "")
    if error["type"] == "missing":
        return f"{name}: wanted one, got none"
    wanted = error["msg"].removeprefix("Input should be ").partition(", unable to")[0]
    return f"{name}: wanted {wanted}, got {_shown(error['input'])}"


def _shown(value: object) -> str:
    """A value of a known setting, short; of anything with values inside only its kind."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f"a {type(value).__name__}"
    text = str(value) if isinstance(value, Path) else repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        if isinstance(value, Mapping):
            inner = merged.get(name)
            merged[name] = _merged(inner if isinstance(inner, dict) else {}, value)
        elif value is not None:
            merged[name] = value
    return merged


def read_settings(file: Path) -> dict[str, Any]:
    """The settings of a YAML file, unchecked. Its text is in no message: it may hold a secret.

    Raises: UsageError, for a file that cannot be read and for anything but `key: value` lines.
    """
    try:
        values = yaml.safe_load(file.read_text("utf-8")) or {}
        strangers = list(_keys_that_are_no_text(values))
    except OSError as exc:
        raise UsageError(f"{file}: wanted a YAML file of settings, got {exc.strerror}") from exc
    except (ValueError, RecursionError, yaml.YAMLError) as exc:
        mark = getattr(exc, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise UsageError(
            f"{file}: wanted a YAML file of settings, got a mistake{place}; see that it is UTF-8 "
            "text of `key: value` lines"
        ) from None
    if not isinstance(values, dict):
        raise UsageError(f"{file}: wanted `key: value` lines, got {type(values).__name__}")
    if strangers:
        raise UsageError(f"{file}: wanted text as every key, got {', '.join(strangers)}")
    return values


def _keys_that_are_no_text(values: object) -> Iterable[str]:
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        if not isinstance(key, str):
            yield _shown(key)
        yield from _keys_that_are_no_text(value)
