"""Turn a YAML file and command-line flags into one frozen configuration per command.

In:  ``--config FILE`` (optional) and the flags that were given; a flag beats the file.
Out: a validated configuration; or every mistake in one message.

Each setting has its default and its words here, once: ``pipelines.options`` makes flags of them.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from langseg.cache.errors import UsageError

DEFAULT_STORE = Path("langseg-store")
_ASKING = (  # what only means something where a model is asked
    "model", "base_url", "temperature", "max_completion_tokens", "samples", "concurrency",
    "price_in", "price_out",
)  # fmt: skip
_SHOWN_CHARS = 40


class Settings(BaseModel):
    """Base of every configuration: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Source(Settings):
    """Which vocabulary, in which store, written by which model ("" = the one that covers most)."""

    dataset: str | None = Field(
        None, description="Vocabulary that ships: ade20k, camvid.  [default: ade20k]"
    )
    classes: Path | None = Field(
        None, description="Own class list (txt, csv, json, yaml) instead of a dataset."
    )
    store: Path = DEFAULT_STORE
    model: str = Field("", description="Whose answers, when several models have answered.")

    @model_validator(mode="after")
    def _one_vocabulary(self) -> Self:
        if self.dataset is not None and self.classes is not None:
            raise ValueError("vocabulary: wanted --dataset or --classes, got both")
        if self.classes == Path():
            raise ValueError("classes: wanted the name of a file, got none")
        return self

    @property
    def shipped(self) -> str | None:
        """The dataset whose vocabulary ships, unless a class list stands in for it."""
        if self.classes is not None:
            return None
        return "ade20k" if self.dataset is None else self.dataset


class EncodedSource(Source):
    """Whose phrases are embedded or laid out, and by which text encoder (`encode`, `bank`)."""

    encoder: str = Field(
        "minilm", description="minilm, or a sentence-transformers folder or hub id."
    )


class DescribeConfig(Source):
    """What is asked, of whom, and where the answers go (`generate` and `plan`)."""

    provider: Literal["bundled", "openai"] = Field(
        "bundled", description="Who answers: the pack that ships, or an OpenAI-compatible server."
    )
    model: str = Field("", description="Model to ask; needed for --provider openai.")
    base_url: str = Field(
        "",
        description="OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1.  "
        "[default: $OPENAI_BASE_URL, else OpenAI's own]",
    )
    attributes: int = Field(10, ge=1, le=32, description="Phrases for each class.")
    subclasses: int = Field(4, ge=0, le=32, description="Subclasses for each class.")
    per_subclass: int = Field(2, ge=1, le=8, description="Phrases for each subclass.")
    scene_attributes: int = Field(3, ge=1, le=32, description="Phrases for each (class, scene).")
    samples: int = Field(1, ge=1, le=100, description="Replies wanted to each prompt.")
    temperature: float | None = Field(  # some models refuse any value
        None, ge=0.0, le=2.0, description="Sampling temperature.  [default: the server's own]"
    )
    max_completion_tokens: int = Field(
        2048, ge=64, le=1_000_000, description="Longest reply; longer ones are cut and dropped."
    )
    concurrency: int = Field(16, ge=1, le=1000, description="Requests under way at most.")
    max_requests: int | None = Field(
        None, ge=1, description="Hard stop: ask at most so many requests in this run."
    )
    price_in: float | None = Field(
        None, ge=0.0, allow_inf_nan=False,
        description="US dollars per million prompt tokens, to keep the cost of each answer.",
    )  # fmt: skip
    price_out: float | None = Field(
        None, ge=0.0, allow_inf_nan=False,
        description="US dollars per million completion tokens.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _asks_a_model_or_does_not(self) -> Self:
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("price: wanted --price-in and --price-out, got one of them")
        given = self.model_fields_set
        idle = [n for n in _ASKING if n in given and getattr(self, n) not in (None, "")]
        if self.provider == "bundled" and idle:
            flags = ", ".join(f"--{n.replace('_', '-')}" for n in idle)
            raise ValueError(
                f"provider bundled: it asks no model, so {flags} would do nothing; leave that "
                "out, or give --provider openai"
            )
        return self


Config = TypeVar("Config", bound=Settings)


def load_config(kind: type[Config], file: Path | None, flags: Mapping[str, Any]) -> Config:
    """Merge defaults, YAML and flags (``None`` = not given), in that order, nested ones too.

    A vocabulary named by a flag replaces the file's, whichever of the two keys names it.
    Raises: UsageError, listing every unknown key and every value out of range. It never holds
    the value of an unknown key, which may be a secret.
    """
    below = _read(file) if file else {}
    for given, replaced in (("dataset", "classes"), ("classes", "dataset")):
        if flags.get(given) is not None and replaced in kind.model_fields:
            below.pop(replaced, None)
    try:
        return kind(**_merged(below, flags))
    except ValidationError as exc:
        problems = dict.fromkeys(_problem(kind, error) for error in exc.errors())
        where = f"{file}: " if file else ""
        raise UsageError(where + "; ".join(problems)) from None  # pydantic's text holds values


def _problem(kind: type[Settings], error: Mapping[str, Any]) -> str:
    """One mistake that pydantic found, in our words."""
    name, context = ".".join(map(str, error["loc"])), error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        close = get_close_matches(name, kind.model_fields, n=1)
        return f"{name}: no such setting" + (f"; did you mean {close[0]}?" if close else "")
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


def _read(file: Path) -> dict[str, Any]:
    """The settings of a file. Its text is in no message: it may hold a secret."""
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
