"""Turn a YAML file and command-line flags into one frozen configuration per command.

In:  ``--config FILE`` (optional), the flags that were given, and ``--set key=value`` for every
     other setting; a flag beats the file, and so does ``--set``.
Out: a validated configuration; or every mistake in one message.

Each setting has its default and its words in the class of its command's configuration, once:
``pipelines.cli.options`` makes flags of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from langseg.cache.errors import UsageError
from langseg.cache.validation import problem, shown

ARGUMENT: dict[str, Any] = {"argument": True}  # marks a field that is no flag but an argument


class Settings(BaseModel):
    """Base of every configuration: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


Config = TypeVar("Config", bound=BaseModel)
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")  # what pydantic calls such a key


def load_config(
    kind: type[Config], file: Path | None, flags: Mapping[str, Any], changes: Sequence[str] = ()
) -> Config:
    """Merge defaults, YAML, and flags (``None`` = not given) with ``changes``, nested ones too.

    A vocabulary named by a flag replaces the file's, whichever of the two keys names it; another
    backbone than the file's leaves out the file's taps, which are block numbers of that one.

    Args:
        changes: what ``--set`` was given, ``training.head.depth=3``.

    Raises: UsageError, listing every unknown key and every value out of range, and for a setting
        given by a flag and by ``--set``. It never holds the value of an unknown key, which may be
        a secret.
    """
    below = read_settings(file) if file else {}
    given, changed = _given(flags), read_changes(changes)
    if twice := set(_paths(given)) & set(_paths(changed)):
        raise UsageError(
            f"--set {min(twice)}: wanted one value, got it by a flag of its own, too; leave one out"
        )
    above = _merged(given, changed)
    fields = kind.model_fields
    either = {"dataset", "classes"} <= fields.keys() and fields["dataset"].default is None
    for name, replaced in (("dataset", "classes"), ("classes", "dataset")):
        if either and above.get(name) is not None:
            below.pop(replaced, None)
    if "backbone" in below and above.get("backbone", below["backbone"]) != below["backbone"]:
        below.pop("taps", None)
    try:
        return kind(**_merged(below, above))
    except ValidationError as exc:
        mistakes: dict[str, list[str]] = {"": [], f"{file}: ": []}  # by where they are
        wrong_inside = {error["loc"][:-1] for error in exc.errors()}
        for error in exc.errors():
            if error["type"] == "too_short" and error["loc"] in wrong_inside:
                continue  # pydantic does not count values that are wrong themselves
            where = f"{file}: " if file and _is_of_file(below, above, error["loc"]) else ""
            mistakes[where].append(mistake(kind, given, error))
        told = (where + "; ".join(dict.fromkeys(own)) for where, own in mistakes.items() if own)
        raise UsageError("; ".join(told)) from None  # pydantic's text holds values


def nested(flags: Mapping[str, Any], inside: Mapping[str, str]) -> dict[str, Any]:
    """The flags as the configuration has them: shorthands stand where they are short for."""
    found: dict[str, Any] = {}
    for flag, value in flags.items():
        *groups, name = inside.get(flag, flag).split(".")
        inner = found
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = value
    return found


def _is_of_file(
    below: Mapping[str, Any], above: Mapping[str, Any], place: Sequence[str | int]
) -> bool:
    """Whether the file has that setting, or group of them, and neither a flag nor ``--set`` gives
    another value, or any of the group."""
    in_file: Any = below
    over: Any = above
    for name in place:
        in_file = in_file.get(name) if isinstance(in_file, Mapping) else None
        over = over.get(name) if isinstance(over, Mapping) else over
    return in_file not in (None, {}) and over is None


def mistake(kind: type[BaseModel], given: Mapping[str, Any], error: ErrorDetails) -> str:
    """One mistake; of a value that a flag gave it names the flag, and which value of several."""
    words, place = problem(error), error["loc"]
    if error["type"] in _UNKNOWN:
        return words + _guess(kind, place)
    name = ".".join(map(str, place))
    if error["type"] == "missing" and (field := kind.model_fields.get(name)):
        form = name.upper() if field.json_schema_extra == ARGUMENT else f"--{name}"
        return f"{words}; give {form}: {field.description}".rstrip(".")
    is_group = isinstance(given.get(name), Mapping)  # whose settings have flags, not it itself
    if name in given and not is_group and kind.model_fields[name].json_schema_extra != ARGUMENT:
        return f"--{name.replace('_', '-')}{words.removeprefix(name)}"
    match place:
        case (str(several), int(index)) if (
            several in given and kind.model_fields[several].json_schema_extra != ARGUMENT
        ):
            flag = f"--{several.replace('_', '-')}"
            return f"{flag}, value {index + 1}{words.removeprefix(name)}"
    return words


def _guess(kind: type, place: Sequence[str | int]) -> str:
    """``; did you mean training.lr?`` for a setting that there is not, where one is near."""
    name, last = ".".join(map(str, place)), str(place[-1])
    near = [
        (SequenceMatcher(None, given, written).ratio(), path)
        for path, _ in setting_fields(kind)
        for given, written in ((name, path), (last, path.rpartition(".")[2]))
    ]
    likeness, path = max(near, key=lambda one: one[0])
    return f"; did you mean {path}?" if likeness >= 0.6 else ""


def setting_fields(kind: Any, above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting of a class by its dotted name, those inside of others after them."""
    fields: Mapping[str, FieldInfo] = kind.__pydantic_fields__
    for name, field in fields.items():
        yield f"{above}{name}", field
        if hasattr(field.annotation, "__pydantic_fields__"):
            yield from setting_fields(field.annotation, f"{above}{name}.")


def read_changes(changes: Sequence[str]) -> dict[str, Any]:
    """What ``--set`` was given, nested; ``[a, b]`` is a list, ``null`` none, all else text.

    Raises: UsageError, for what is no ``key=value``, and for a key that is given twice.
    """
    settings: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        parts = name.split(".")
        if not equals or not all(parts):
            raise UsageError("--set: wanted key=value, such as training.lr=0.001, got none")
        inner = settings
        for part in parts[:-1]:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                break
        if not isinstance(inner, dict) or parts[-1] in inner:
            raise UsageError(f"--set {name}: wanted it once, got it twice")
        inner[parts[-1]] = _value(name, text)
    return settings


def _value(name: str, text: str) -> Any:
    if text == "null":
        return None
    if not text.startswith(("[", "{")):
        return text
    try:
        return yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        raise UsageError(f"--set {name}: wanted a list such as [a, b], got a mistake") from None


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given, without the groups of which none was."""
    given = {}
    for name, value in flags.items():
        inner = _given(value) if isinstance(value, Mapping) else value
        if inner is not None and inner != {}:
            given[name] = inner
    return given


def _paths(settings: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` on top of ``below``; groups are merged, all else is replaced."""
    merged = dict(below)
    for name, value in above.items():
        inner = merged.get(name)
        both = isinstance(value, Mapping) and isinstance(inner, Mapping)
        merged[name] = _merged(inner, value) if both else value  # type: ignore[arg-type]
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
            yield shown(key)
        yield from _keys_that_are_no_text(value)
