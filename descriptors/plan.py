"""Plan the requests of a vocabulary, and say what they would cost before anything is asked.

In:  a vocabulary, a prompt, a model with its sampling parameters.
Out: requests in the order in which prefix caches hit; counts of what is cached and what is not.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langseg.cache.errors import UsageError
from langseg.cache.keys import canonical_json, request_key
from langseg.cache.records import ANY_SCENE, Request
from langseg.descriptors.prompts import Prompt
from langseg.descriptors.vocabulary import ClassEntry, Vocabulary

MAX_SAMPLES = 100


@dataclass(frozen=True, kw_only=True)
class PlanSummary:
    """What a plan asks for. ``prompt_tokens_estimate`` is an estimate for the ``to_ask``
    requests, a quarter of their characters; only the model's own tokenizer knows the number."""

    requests: int
    cached: int
    to_ask: int
    prompt_tokens_estimate: int


def plan_requests(
    vocabulary: Vocabulary,
    prompt: Prompt,
    model: str,
    params: Mapping[str, Any],
    samples: int = 1,
) -> tuple[Request, ...]:
    """One request for each class, then one for each plausible (scene, class) pair.

    Requests of one scene are neighbours, and classes come in the vocabulary's order, so that
    neighbours share the longest possible prefix.

    Args:
        params: every sampling parameter that reaches the model, such as temperature.
        samples: how often each prompt is asked; every sample has a key of its own.
    """
    if not model or not 1 <= samples <= MAX_SAMPLES:
        raise UsageError(
            f"plan: wanted a model and 1 to {MAX_SAMPLES} samples, got {model!r} and {samples}"
        )
    return tuple(
        _request(entry, scene, prompt, model, params, sample)
        for scene, entry in _pairs(vocabulary)
        for sample in range(samples)
    )


def open_requests(requests: Sequence[Request], settled: Collection[str]) -> tuple[Request, ...]:
    """The requests whose key is not settled, each key once, in order."""
    by_key = {request.request_key: request for request in requests}
    return tuple(request for key, request in by_key.items() if key not in settled)


def summarise_plan(requests: Sequence[Request], settled: Collection[str]) -> PlanSummary:
    """Count a plan against the keys a store has settled (``generate.settled_keys``)."""
    to_ask = open_requests(requests, settled)
    return PlanSummary(
        requests=len(requests),
        cached=len(requests) - len(to_ask),
        to_ask=len(to_ask),
        prompt_tokens_estimate=sum(len(request.messages_json) for request in to_ask) // 4,
    )


def _pairs(vocabulary: Vocabulary) -> Iterator[tuple[str, ClassEntry]]:
    by_name = {entry.name: entry for entry in vocabulary.classes}
    yield from ((ANY_SCENE, entry) for entry in vocabulary.classes)
    for scene, names in vocabulary.scenes.items():
        yield from ((scene, by_name[name]) for name in by_name if name in names)


def _request(
    entry: ClassEntry,
    scene: str,
    prompt: Prompt,
    model: str,
    params: Mapping[str, Any],
    sample: int,
) -> Request:
    messages, schema = prompt.messages(entry, scene), prompt.schema(scene)
    return Request(
        request_key=request_key(
            model=model, messages=messages, params=params, schema=schema, sample_index=sample
        ),
        class_name=entry.name,
        scene=scene,
        sample_index=sample,
        model=model,
        prompt_id=prompt.prompt_id,
        params_json=canonical_json(params),
        messages_json=canonical_json(messages),
        schema_json=canonical_json(schema),
    )
