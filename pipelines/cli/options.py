"""Make command-line options: those every command has, and those that a configuration is made of.

In:  a class of settings, whose fields have defaults and words.
Out: a decorator that turns each field into a flag.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from langseg.pipelines.cli.completion import COMPLETIONS
from langseg.pipelines.shared.settings import (
    ARGUMENT,
    Config,
    load_config,
    nested,
    setting_fields,
)

ENVIRONMENT = {"store": "LANGSEG_STORE"}  # settings that a variable gives, too


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"langseg {version('langseg')}")
        raise typer.Exit


Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Version = Annotated[
    bool,
    typer.Option(
        "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
    ),
]
CONFIG_HELP = "YAML file of these settings; flags and --set beat it."
Loader = Callable[[str | None, Mapping[str, Any], Sequence[str]], Config]


def settings_options(
    kind: type[Config],
    *,
    shorthands: Mapping[str, str] | None = None,
    load: Loader[Config] | None = None,
    config_help: str = CONFIG_HELP,
) -> Callable[[Callable[[Config, bool], None]], Callable[..., None]]:
    """Give a command a flag for each field of ``kind`` (an argument where it is marked as one),
    ``--config``, ``--set`` and ``--json``.

    The command gets the configuration they make, and whether JSON is wanted.

    Args:
        shorthands: flags for settings inside of others, by dotted name; ``--set`` reaches all.
        load: makes the configuration of the value of ``--config``, the flags and ``--set``.
    """
    inside = shorthands or {}

    def from_file(config: str | None, flags: Mapping[str, Any], changes: Sequence[str]) -> Config:
        return load_config(kind, None if config is None else Path(config), flags, changes)

    loaded: Loader[Config] = load or from_file

    def decorate(command: Callable[[Config, bool], None]) -> Callable[..., None]:
        def with_flags(
            config: str | None, changes: Sequence[str] | None, as_json: bool, **flags: Any
        ) -> None:
            command(loaded(config, nested(flags, inside), changes or ()), as_json)

        parameters = list(_parameters(kind, inside, config_help))
        with_flags.__name__, with_flags.__doc__ = command.__name__, command.__doc__
        with_flags.__annotations__ = {one.name: one.annotation for one in parameters}
        with_flags.__dict__["__signature__"] = inspect.Signature(parameters)  # what typer reads
        return with_flags

    return decorate


def _parameters(
    kind: type, inside: Mapping[str, str], config_help: str
) -> Iterator[inspect.Parameter]:
    """One for each flag. None means "not given", so that a file's value can stand."""
    fields = dict(setting_fields(kind))
    groups = {name.rpartition(".")[0] for name in fields}
    flat = {name: field for name, field in fields.items() if "." not in name}
    named = {name: field for name, field in flat.items() if name not in groups}
    for name, field in named.items():
        is_required = field.json_schema_extra == ARGUMENT and field.is_required()
        default = inspect.Parameter.empty if is_required else None
        yield _parameter(name, _annotation(name, field, _described(field)), default)
    for name, path in inside.items():
        yield _parameter(name, _annotation(name, fields[path], f"{fields[path].description}"), None)
    config = typer.Option("--config", metavar="FILE", help=config_help)
    yield _parameter("config", Annotated[str | None, config], None)
    change = typer.Option(
        "--set", metavar="KEY=VALUE", help="Any setting by its name; may be given several times."
    )
    yield _parameter("changes", Annotated[list[str] | None, change], None)
    yield _parameter("as_json", Json, False)


def _parameter(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _described(field: FieldInfo) -> str:
    """The words of a setting, and its default, where they do not say what is taken."""
    words = f"{field.description}"
    if field.default in (None, "", False, (), PydanticUndefined) or "[default: " in words:
        return words
    shown = field.default
    if isinstance(shown, tuple):
        shown = ",".join(f"{number:g}" for number in shown)
    return f"{words}  [default: {shown}]"


def _annotation(name: str, field: FieldInfo, help_text: str) -> Any:
    said: dict[Any, Any] = {
        tuple[Path, ...]: list[Path], tuple[int, ...] | None: str, tuple[float, float] | None: str
    }  # fmt: skip
    commas = get_origin(field.annotation) is tuple
    if field.annotation == tuple[str, ...] and not field.metadata:
        said[field.annotation] = list[str]  # texts that may hold commas are given one by one
    kind: Any = said.get(field.annotation, str if commas else field.annotation)
    has_choices = get_origin(field.annotation) is Literal  # which complete themselves
    complete = None if has_choices else COMPLETIONS.get(name)
    if field.json_schema_extra == ARGUMENT:
        argument = typer.Argument(help=help_text, autocompletion=complete)
        return Annotated[kind, argument]
    option = typer.Option(
        f"--{name.replace('_', '-')}",
        help=help_text,
        envvar=ENVIRONMENT.get(name),
        autocompletion=complete,
    )
    return Annotated[kind | None, option]
