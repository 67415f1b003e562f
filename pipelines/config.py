"""Turn a YAML file and command-line flags into one frozen configuration per command.

In:  ``--config FILE`` (optional) and the flags that were given; a flag beats the file.
Out: a validated configuration, saved beside what it made; or every mistake in one message.
"""

from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from langseg.cache.errors import UsageError

DATASETS = ("ade20k", "camvid")
DEFAULT_STORE = Path("langseg-store")


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Source(_Config):
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
    temperature: float | None = Field(None, ge=0.0, le=2.0)  # None is not sent: some models refuse it
    max_completion_tokens: int = Field(2048, ge=64)
    concurrency: int = Field(16, ge=1, le=1000)
    max_requests: int | None = Field(None, ge=1)


class TrainConfig(_Config):
    """One training run; ``steps`` counts optimiser steps, sizes are pixels."""

    dataset: str = "ade20k"
    data: Path | None = None
    store: Path = DEFAULT_STORE
    bank: Path | None = None
    out: Path = Path("runs/train")
    backbone: str = "vit_base_patch14_reg4_dinov2"
    weights: Path | None = None
    pretrained: bool = True
    head: Literal["dense", "linear"] = "dense"
    hidden: int = Field(256, ge=32)
    blocks: int = Field(2, ge=0, le=12)
    beta: float = Field(4.0, ge=0.0)
    seed: int = Field(0, ge=0)
    steps: int = Field(20_000, ge=1)
    batch_size: int = Field(16, ge=1)
    crop: int = Field(512, ge=16)
    scale_min: float = Field(0.5, gt=0.0)
    scale_max: float = Field(2.0, gt=0.0)
    learning_rate: float = Field(1e-3, gt=0.0)
    weight_decay: float = Field(0.01, ge=0.0)
    l_seg: float = Field(1.0, ge=0.0)
    l_tri: float = Field(0.1, ge=0.0)
    l_ms: float = Field(0.4, ge=0.0)
    l_gen: float = Field(0.1, ge=0.0)
    checkpoint_every: int = Field(1000, ge=1)
    device: str = "auto"


Config = TypeVar("Config", bound=_Config)


def load_config(kind: type[Config], file: Path | None, flags: dict[str, Any]) -> Config:
    """Merge defaults, YAML and flags (``None`` = not given), in that order.

    Raises: UsageError, listing every unknown key and every value out of range.
    """
    values = _read(file) if file else {}
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        return kind(**values)
    except ValidationError as exc:
        where = file or "flags"
        problems = "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['msg'].lower()}, got {error['input']!r}"
            for error in exc.errors()
        )
        raise UsageError(f"{where}: {problems}") from exc


def _read(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise UsageError(f"{file}: wanted a YAML file of settings, got {exc}") from exc
    if not isinstance(values, dict):
        raise UsageError(f"{file}: wanted `key: value` lines, got {type(values).__name__}")
    return values
