"""Make command-line options: those every command has, and those that a configuration is made of.

In:  a class of settings, whose fields have defaults and words.
Out: annotations for typer; a decorator that turns each field into a flag.
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from langseg.descriptors.vocabulary.source import DEFAULT_STORE
from langseg.pipelines.shared.settings import ARGUMENT, Config, load_config


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"langseg {version('langseg')}")
        raise typer.Exit


Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
StorePath = Annotated[
    Path | None,
    typer.Option("--store", envvar="LANGSEG_STORE", help=f"Store.  [default: {DEFAULT_STORE}]"),
]
Version = Annotated[
    bool,
    typer.Option(
        "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
    ),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="YAML file of these settings; flags beat it.")
]


def settings_options(
    kind: type[Config],
) -> Callable[[Callable[[Config, bool], None]], Callable[..., None]]:
    """Give a command a flag for each field of ``kind`` (an argument where it is marked as one),
    ``--config`` and ``--json``.

    The command gets the configuration they make, and whether JSON is wanted.
    """

    def decorate(command: Callable[[Config, bool], None]) -> Callable[..., None]:
        def with_flags(config: Path | None, as_json: bool, **flags: Any) -> None:
            command(load_config(kind, config, flags), as_json)

        parameters = list(_parameters(kind))
        with_flags.__name__, with_flags.__doc__ = command.__name__, command.__doc__
        with_flags.__annotations__ = {one.name: one.annotation for one in parameters}
        with_flags.__dict__["__signature__"] = inspect.Signature(parameters)  # what typer reads
        return with_flags

    return decorate


def _parameters(kind: type[BaseModel]) -> Iterator[inspect.Parameter]:
    """One for each flag. None means "not given", so that a file's value can stand."""
    annotations: dict[str, Any] = {
        name: _annotation(name, field) for name, field in kind.model_fields.items()
    }
    annotations["config"] = ConfigFile
    for name, annotation in annotations.items():
        yield inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
        )
    yield inspect.Parameter(
        "as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json
    )


def _annotation(name: str, field: FieldInfo) -> Any:
    if name == "store":
        return StorePath
    shown = (
        ""
        if field.default in (None, "", False, PydanticUndefined)
        else f"  [default: {field.default}]"
    )
    help_text = f"{field.description}{shown}"
    if field.json_schema_extra == ARGUMENT:
        return Annotated[field.annotation | None, typer.Argument(help=help_text)]  # type: ignore[operator]
    option = typer.Option(f"--{name.replace('_', '-')}", help=help_text)
    return Annotated[field.annotation | None, option]  # type: ignore[operator]
