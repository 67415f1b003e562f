"""Ask what a class looks like, in general and in each scene, and take the reply apart.

In:  a vocabulary, a prompt, a model with its sampling parameters; later a reply's object.
Out: requests in the order in which prefix caches hit; the phrases that a reply holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langseg.cache.errors import UsageError
from langseg.cache.keys import RequestKeys, canonical_json, normalise_text
from langseg.cache.records import ANY_SCENE, NAME_SLOT, Request
from langseg.descriptors.phrases.characters import printable
from langseg.descriptors.phrases.language import is_other_script
from langseg.descriptors.phrases.names import NameFinder
from langseg.descriptors.phrases.rules import cleaned, folded, subclass_verdict
from langseg.descriptors.phrases.spoken import NAME_CHARS
from langseg.descriptors.prompts.candidates import Candidate, asked_items, candidates, text_field
from langseg.descriptors.prompts.plan import Plan
from langseg.descriptors.prompts.prompt import Prompt
from langseg.descriptors.prompts.template import CLASS_MARK, closing
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

REPLY_KEY = "attributes"  # what is said of the class itself
MAX_SAMPLES = 100


def describe_requests(
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
    senses = {entry.name: entry.sense for entry in vocabulary.classes}
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
                    sense=senses[name],
                    scene=scene,
                    sample_index=sample,
                    model=model,
                    prompt_id=prompt_id,
                    params_json=params_json,
                    messages_json=opening + endings[name],
                    schema_json=schema_json,
                )


def described(
    reply: Mapping[str, Any], asked: Mapping[str, Any], class_name: str, english: bool
) -> list[Candidate]:
    """Phrases about the class, then each subclass: its name, then its phrases.

    Args:
        asked: the properties of the request's schema.
        english: whether the reply must be in English; names may be in the script of their class.

    Raises: ValueError, for a reply that lacks a list.
    """
    about_class = candidates(asked_items(reply, REPLY_KEY, asked), subclass="")
    items = asked_items(reply, "subclasses", asked)
    english_names = english and not is_other_script(class_name)
    return [*about_class, *_of_subclasses(items, asked, class_name, english_names)]


def _of_subclasses(
    items: Sequence[Any], asked: Mapping[str, Any], class_name: str, english: bool
) -> Iterator[Candidate]:
    """For each subclass its name, in slot ``name``, then its phrases, which share its fate."""
    own_name = NameFinder([class_name])
    seen: set[str] = set()
    for item in items:
        name, parent = text_field(item, "name"), text_field(item, "parent")
        if name is None or parent is None or not isinstance(item.get("descriptors"), list):
            continue
        doomed = subclass_verdict(name, own_name)
        if english and doomed != "hostile" and is_other_script(name):
            doomed = "not_english"
        if normalise_text(parent).casefold() != class_name.casefold():
            doomed = "wrong_parent"
        elif folded(name) in seen:
            doomed = "duplicate"
        if not doomed:
            seen.add(folded(name))
        subclass = printable(cleaned(name), NAME_CHARS)
        yield Candidate(text=name, slot=NAME_SLOT, subclass=subclass, doomed=doomed, is_name=True)
        count = asked["subclasses"]["items"]["properties"]["descriptors"]["maxItems"]
        yield from candidates(item["descriptors"][:count], subclass, doomed)
