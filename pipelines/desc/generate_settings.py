"""The settings that `generate`, `plan` and `explain-key` share.

In:  what a person gives, by name.
Out: a ``DescribeConfig``, frozen, in which no setting would do nothing.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from langseg.descriptors.vocabulary.source import Source

_HOSTED = ("openai", "openai-batch")
_MEANT_FOR = {  # settings that do nothing with the other providers
    "model": (*_HOSTED, "vllm"), "temperature": (*_HOSTED, "vllm"), "samples": (*_HOSTED, "vllm"),
    "max_completion_tokens": (*_HOSTED, "vllm"), "max_tokens": (*_HOSTED, "vllm"),
    "prompt": (*_HOSTED, "vllm"), "differential": (*_HOSTED, "vllm"),
    "again_misleading": (*_HOSTED, "vllm"),
    "base_url": _HOSTED, "price_in": _HOSTED, "price_out": _HOSTED,
    "max_cost": _HOSTED, "request_timeout": _HOSTED,
    "concurrency": ("openai",), "rpm": ("openai",), "tpm": ("openai",),
    "enqueued_tokens": ("openai-batch",), "wait": ("openai-batch",),
    "tokens_per_second": ("vllm",), "engine": ("vllm",),
}  # fmt: skip


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
    again_misleading: Path | None = Field(
        None,
        description="Ask, too, what tells a class from those that its misleading phrases point "
        "to, by a file of `audit --phrases`; the model is told both.",
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
    request_timeout: float = Field(
        120.0, gt=0, allow_inf_nan=False,
        description="Seconds for one attempt of a request; five times that for all its attempts. "
        "A local model on a CPU may need 600.",
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
    price_in: float | None = Field(
        None, ge=0.0, allow_inf_nan=False,
        description="US dollars per million prompt tokens; with --price-out beats the table that "
        "ships.",
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
    accept_missing: bool = Field(
        False,
        description="What was asked about without a usable answer may be missing: no exit code 5.",
    )
    wait: bool = Field(False, description="Stay until every batch has ended, and collect it.")

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
