"""Plan the requests of a vocabulary, in the order in which prefix caches hit.

In:  a vocabulary, a prompt, a model with its sampling parameters.
Out: a plan: requests that are made as they are read, so that a million of them take no memory.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langseg.cache.errors import UsageError
from langseg.cache.keys import RequestKeys, canonical_json
from langseg.cache.records import ANY_SCENE, Request
from langseg.descriptors.prompts.prompt import CLASS_MARK, Prompt
from langseg.descriptors.prompts.template import closing
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

MAX_SAMPLES = 100
REPLY_LIMIT = "max_completion_tokens"  # the sampling parameter that bounds a reply


@dataclass(frozen=True)
class Plan:
    """Requests that are made anew, and are the same, each time they are read."""

    make: Callable[[], Iterator[Request]]
    length: int

    def __iter__(self) -> Iterator[Request]:
        return self.make()

    def __len__(self) -> int:
        return self.length

    def __add__(self, other: "Plan") -> "Plan":
        def both() -> Iterator[Request]:
            yield from self
            yield from other

        return Plan(both, self.length + other.length)


def plan_of(requests: Callable[[], Iterator[Request]]) -> Plan:
    """A plan of few requests, which are counted by making them once."""
    return Plan(requests, sum(1 for _ in requests()))


def plan_requests(
    vocabulary: Vocabulary,
    prompt: Prompt,
    model: str,
    params: Mapping[str, Any],
    samples: int = 1,
) -> Plan:
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
    pairs = len(vocabulary.classes) + sum(map(len, vocabulary.scenes.values()))
    return Plan(lambda: _make(vocabulary, prompt, model, params, samples), pairs * samples)


def _make(
    vocabulary: Vocabulary,
    prompt: Prompt,
    model: str,
    params: Mapping[str, Any],
    samples: int,
) -> Iterator[Request]:
    order = {entry.name: n for n, entry in enumerate(vocabulary.classes)}
    endings = {e.name: closing({CLASS_MARK: e.prompt_data}) for e in vocabulary.classes}
    params_json, prompt_id = canonical_json(params), prompt.template.prompt_id
    for scene, names in ((ANY_SCENE, list(order)), *vocabulary.scenes.items()):
        opening, schema = prompt.opening(scene), prompt.schema(scene)
        keys = RequestKeys(model=model, params=params, schema=schema, opening=opening)
        schema_json = canonical_json(schema)
        for name in sorted(names, key=order.__getitem__):
            for sample in range(samples):
                yield Request(
                    request_key=keys.key(endings[name], sample),
                    class_name=name,
                    scene=scene,
                    sample_index=sample,
                    model=model,
                    prompt_id=prompt_id,
                    params_json=params_json,
                    messages_json=opening + endings[name],
                    schema_json=schema_json,
                )
