"""Check the values of a record by its annotations, and say in a sentence what is wrong.

In:  a class whose fields have types and bounds; values by name, from code or from a file.
Out: a frozen dataclass of values that hold; or one error of ours that names every mistake.
"""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

from langseg.cache.errors import LangSegError, UsageError

_SHOWN_CHARS = 40
_CONFIG = ConfigDict(allow_inf_nan=False, extra="forbid", protected_namespaces=())
Kind = TypeVar("Kind", bound=type)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
def checked(
    where: str, error: type[LangSegError] = UsageError, *, strict: bool = True
) -> Callable[[Kind], Kind]:
    """Make a class a frozen dataclass, whose values are checked when one is made.

    Args:
        where: what the error's sentence begins with.
        strict: whether "3" is no number and [1, 2] no tuple; files of settings say them so.
    """

    def decorate(kind: Kind) -> Kind:
        made: Any = dataclass(frozen=True, kw_only=True, config={**_CONFIG, "strict": strict})(kind)
        init = made.__init__

        def __init__(self: Any, *args: Any, **values: Any) -> None:  # noqa: N807
            try:
                init(self, *args, **values)
            except ValidationError as exc:
                raise error(f"{where}: {problems(exc)}") from None  # pydantic's text holds values

        made.__init__ = __init__
        return made  # type: ignore[no-any-return]

    return decorate


def problems(error: ValidationError) -> str:
    """Every mistake that pydantic found, once."""
    return "; ".join(dict.fromkeys(map(problem, error.errors())))


def problem(error: ErrorDetails) -> str:
    """One mistake: ``name: wanted ..., got ...``; the value of an unknown name is not in it."""
    name, context = ".".join(map(str, error["loc"])), error.get("ctx", {})
    if error["type"] == "value_error":
        return f"{name}.{context['error']}" if name else str(context["error"])
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{name}: no such setting"
    if error["type"] in ("missing", "missing_keyword_only_argument"):
        return f"{name}: wanted one, got none"
    wanted = error["msg"].removeprefix("Input should be ").partition(", unable to")[0]
    values = re.findall(r"'([^']*)'", context.get("expected", ""))
    close = get_close_matches(str(error["input"]), values, n=1)
    guess = f"; did you mean {close[0]}?" if close else ""
    return f"{name}: wanted {wanted}, got {shown(error['input'])}{guess}"


def shown(value: object) -> str:
    """A value, short; of anything with values inside only its kind."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f"a {type(value).__name__}"
    text = str(value) if isinstance(value, Path) else repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
