"""Turn a YAML file and command-line flags into one frozen configuration per command.

In:  ``--config FILE`` (optional) and the flags that were given; a flag beats the file.
Out: a validated configuration, saved beside what it made; or every mistake in one message.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from langseg.cache.errors import UsageError

DEFAULT_STORE = Path("langseg-store")


class Settings(BaseModel):
    """Base of every configuration: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Source(Settings):
    """Which vocabulary, in which store, written by which model ("" = whoever answered last)."""

    dataset: str | None = None
    classes: Path | None = None
    store: Path = DEFAULT_STORE
    model: str = ""

    @model_validator(mode="after")
    def _one_vocabulary(self) -> Self:
        if self.dataset is not None and self.classes is not None:
            raise ValueError("wanted --dataset or --classes, got both")
        return self

    @property
    def shipped(self) -> str | None:
        """The dataset whose vocabulary ships, unless a class list stands in for it."""
        return None if self.classes else self.dataset or "ade20k"


class DescribeConfig(Source):
    """What is asked, of whom, and where the answers go (`generate` and `plan`)."""

    provider: Literal["bundled", "openai"] = "bundled"
    base_url: str = ""
    attributes: int = Field(10, ge=1, le=32)
    subclasses: int = Field(4, ge=0, le=32)
    per_subclass: int = Field(2, ge=1, le=8)
    scene_attributes: int = Field(3, ge=1, le=32)
    temperature: float | None = Field(None, ge=0.0, le=2.0)  # some models refuse any value
    max_completion_tokens: int = Field(2048, ge=64)
    concurrency: int = Field(16, ge=1, le=1000)
    max_requests: int | None = Field(None, ge=1)


Config = TypeVar("Config", bound=Settings)


def load_config(kind: type[Config], file: Path | None, flags: Mapping[str, Any]) -> Config:
    """Merge defaults, YAML and flags (``None`` = not given), in that order, nested ones too.

    Raises: UsageError, listing every unknown key and every value out of range.
    """
    values = _merged(_read(file) if file else {}, flags)
    try:
        return kind(**values)
    except ValidationError as exc:
        where = file or "flags"
        problems = "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['msg'].lower()}, got {error['input']!r}"
            for error in exc.errors()
        )
        raise UsageError(f"{where}: {problems}") from exc


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        if isinstance(value, Mapping):
            inner = merged.get(name)
            merged[name] = _merged(inner if isinstance(inner, dict) else {}, value)
        elif value is not None:
            merged[name] = value
    return merged


def _read(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise UsageError(f"{file}: wanted a YAML file of settings, got {exc}") from exc
    if not isinstance(values, dict):
        raise UsageError(f"{file}: wanted `key: value` lines, got {type(values).__name__}")
    return values
