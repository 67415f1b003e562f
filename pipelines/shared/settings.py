"""Turn a YAML file and command-line flags into one frozen configuration per command.

In:  ``--config FILE`` (optional) and the flags that were given; a flag beats the file.
Out: a validated configuration; or every mistake in one message.

Each setting has its default and its words here, once: ``pipelines.cli.options`` makes flags of
them.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from langseg.cache.errors import UsageError
from langseg.descriptors.vocabulary.source import EncodedSource, Source

_HOSTED = ("openai", "openai-batch")
_MEANT_FOR = {  # settings that do nothing with the other providers
    "model": (*_HOSTED, "vllm"), "temperature": (*_HOSTED, "vllm"), "samples": (*_HOSTED, "vllm"),
    "max_completion_tokens": (*_HOSTED, "vllm"), "max_tokens": (*_HOSTED, "vllm"),
    "prompt": (*_HOSTED, "vllm"), "differential": (*_HOSTED, "vllm"),
    "base_url": _HOSTED, "prices": _HOSTED, "price_in": _HOSTED, "price_out": _HOSTED,
    "max_cost": _HOSTED,
    "concurrency": ("openai",), "rpm": ("openai",), "tpm": ("openai",),
    "enqueued_tokens": ("openai-batch",), "tokens_per_second": ("vllm",), "engine": ("vllm",),
}  # fmt: skip
_SHOWN_CHARS = 40
ARGUMENT: dict[str, Any] = {"argument": True}  # marks a field that is no flag but an argument


class Settings(BaseModel):
    """Base of every configuration: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class DescribeConfig(Source):
    """What is asked, of whom, and where the answers go (`generate` and `plan`)."""

    provider: Literal["bundled", "openai", "openai-batch", "vllm"] = Field(
        "bundled",
        description="Who answers: bundled (the pack that ships), openai (any OpenAI-compatible "
        "server), openai-batch (the Batch API: half the price, within a day), vllm (in process).",
    )
    model: str = Field("", description="Model to ask; needed but for --provider bundled.")
    base_url: str = Field(
        "",
        description="OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1.  "
        "[default: $OPENAI_BASE_URL, else OpenAI's own]",
    )
    attributes: int = Field(
        10, ge=1, le=32,
        description="Phrases for each class; where this and the next three are not given, the "
        "bundled packs say all they hold.",
    )  # fmt: skip
    subclasses: int = Field(4, ge=0, le=32, description="Subclasses for each class.")
    per_subclass: int = Field(2, ge=1, le=8, description="Phrases for each subclass.")
    scene_attributes: int = Field(3, ge=1, le=32, description="Phrases for each (class, scene).")
    samples: int = Field(1, ge=1, le=100, description="Replies wanted to each prompt.")
    differential: bool = Field(
        False,
        description="Ask, too, what tells each class from its look-alikes: those its vocabulary "
        "names, then the nearest by embedding.",
    )
    encoder: str = Field("minilm", description="Text encoder that finds the look-alikes.")
    prompt: Path | None = Field(
        None,
        description="Own template with the blocks system and user: text, values such as "
        "{{ n_attributes }} and {{ scene | json }}, and if; the class is added behind it.",
    )
    temperature: float | None = Field(  # some models refuse any value
        None, ge=0.0, le=2.0, description="Sampling temperature.  [default: the server's own]"
    )
    max_completion_tokens: int = Field(
        2048, ge=64, le=1_000_000,
        description="Longest reply; one that is cut is asked for with twice that, then four times.",
    )  # fmt: skip
    concurrency: int = Field(16, ge=1, le=1000, description="Requests under way at most.")
    rpm: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="Requests a minute.  [default: as the server's headers say]",
    )  # fmt: skip
    tpm: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="Tokens a minute.  [default: as the server's headers say]",
    )  # fmt: skip
    engine: Path | None = Field(
        None, description="YAML of arguments of vllm.LLM, such as max_model_len: 8192."
    )
    enqueued_tokens: int = Field(
        2_000_000, ge=1000, description="Tokens that may wait in batches at the server at once."
    )
    max_requests: int | None = Field(
        None, ge=1, description="Hard stop of this run: requests, failed attempts counted."
    )
    max_tokens: int | None = Field(
        None, ge=1, description="Hard stop of this run: tokens, those under way counted in full."
    )
    max_cost: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="Hard stop of this run: US dollars, what is under way counted in full.",
    )  # fmt: skip
    max_minutes: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Hard stop of this run: no request after that."
    )
    prices: Path | None = Field(None, description="Own price table; it beats the one that ships.")
    price_in: float | None = Field(
        None, ge=0.0, allow_inf_nan=False,
        description="US dollars per million prompt tokens; beats every price table.",
    )  # fmt: skip
    price_out: float | None = Field(
        None, ge=0.0, allow_inf_nan=False,
        description="US dollars per million completion tokens.",
    )  # fmt: skip
    tokens_per_second: float | None = Field(
        None, gt=0, allow_inf_nan=False,
        description="Output tokens a second of the local model, for the GPU-hours of a plan.",
    )  # fmt: skip
    only_failed: bool = Field(
        False, description="Ask only what was asked before without a usable answer."
    )
    wait: bool = Field(
        False, description="Wait for another writer of the store, and for batches to end."
    )

    @model_validator(mode="after")
    def _asks_a_model_or_does_not(self) -> Self:
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("price: wanted --price-in and --price-out, got one of them")
        given = self.model_fields_set
        idle = [
            name for name, providers in _MEANT_FOR.items()
            if name in given and self.provider not in providers
            and getattr(self, name) not in (None, "") and getattr(self, name) is not False
        ]  # fmt: skip
        if idle:
            flags = ", ".join(f"--{n.replace('_', '-')}" for n in idle)
            others = " or ".join(sorted(_MEANT_FOR[idle[0]]))
            raise ValueError(
                f"provider {self.provider}: {flags} would do nothing with it; leave that out, or "
                f"give --provider {others}"
            )
        return self


class GenerateConfig(DescribeConfig):
    """What `generate` takes besides."""

    dry_run: bool = Field(False, description="Only say what would be asked, as `plan` does.")


class ExplainConfig(DescribeConfig):
    """What `explain-key` takes besides."""

    what: str = Field(
        description="First digits of a stored request's key, or the name of a class.",
        json_schema_extra=ARGUMENT,
    )
    scene: str = Field("*", description="Scene in which the class is asked about.")


class ArmsConfig(EncodedSource):
    """What `arms` takes."""

    seeds: int = Field(
        1, ge=1, le=100,
        description="Draws of each random arm, seeds 0, 1, ...; one alone can mislead.",
    )  # fmt: skip


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
