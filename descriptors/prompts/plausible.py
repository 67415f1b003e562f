"""Ask, once for each scene, which classes of a vocabulary are plausible in it.

In:  class names, scene names, an LLM's answers.
Out: requests; and the classes that are worth asking about in each scene.

Most of the product of classes and scenes never occurs: 20,000 classes in 365 scenes are 7.3
million prompts, and what is asked here decides which few of them are worth their price.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from langseg.cache.keys import RequestKeys, canonical_json, normalise_text
from langseg.cache.records import Request
from langseg.descriptors.phrases.spoken import spoken
from langseg.descriptors.prompts.json_reply import list_of, name_text, object_of, reply_object
from langseg.descriptors.prompts.template import closing, closing_data, shipped_template

PLAUSIBLE_PROMPT = "plausible_v1"
REPLY_KEY = "classes"  # what tells this kind of reply from the others
MAX_LISTED = 400  # names in one request; a reply may repeat every one of them
_MARKS = ("Classes", "Scene")


def plausible_requests(
    names: Sequence[str], scenes: Iterable[str], model: str, params: Mapping[str, Any]
) -> Iterator[Request]:
    """One request for each scene; several where the names are more than ``MAX_LISTED``.

    The names come before the scene: they are what the requests share. ``class_name`` is "".
    """
    template = shipped_template(PLAUSIBLE_PROMPT)
    opening = template.opening({})
    parts = [names[n : n + MAX_LISTED] for n in range(0, len(names), MAX_LISTED)]
    schemas = [object_of(**{REPLY_KEY: list_of(name_text(), len(part), least=0)}) for part in parts]
    for scene in scenes:
        for part, schema in zip(parts, schemas, strict=True):
            ending = closing(dict(zip(_MARKS, (list(part), spoken(scene).text), strict=True)))
            keys = RequestKeys(model=model, params=params, schema=schema, opening=opening)
            yield Request(
                request_key=keys.key(ending, 0),
                class_name="",
                sense="",
                scene=scene,
                sample_index=0,
                model=model,
                prompt_id=template.prompt_id,
                params_json=canonical_json(params),
                messages_json=opening + ending,
                schema_json=canonical_json(schema),
            )


def plausible_classes(reply: Mapping[str, Any], messages_json: str) -> tuple[str, ...]:
    """The listed classes that a reply names, in the list's order; other names are dropped.

    Raises: ValueError, for a reply that is no list, or names things but none of the list.
    """
    named = reply.get(REPLY_KEY)
    if not isinstance(named, list):
        raise ValueError(f"no list {REPLY_KEY!r}")
    listed: list[str] = closing_data(messages_json, *_MARKS)[0]
    wanted = {normalise_text(name).casefold() for name in named if isinstance(name, str)}
    found = tuple(name for name in listed if name.casefold() in wanted)
    if named and not found:
        raise ValueError(f"none of the {len(named)} classes named is in the list")
    return found


def asks_about(request: Request, names: Sequence[str]) -> bool:
    """Whether a request for the classes of a scene lists names of this vocabulary only."""
    return set(closing_data(request.messages_json, *_MARKS)[0]) <= set(names)


def plausible_scenes(
    names: Sequence[str], answers: Iterable[tuple[Request, str]]
) -> dict[str, tuple[str, ...]]:
    """Scene -> plausible classes, in the order of ``names``; a scene with none is left out.

    Args:
        answers: requests with the texts of their accepted replies.
    """
    found: dict[str, set[str]] = {}
    for request, text in answers:
        classes = plausible_classes(reply_object(text), request.messages_json)
        found.setdefault(request.scene, set()).update(classes)
    return {scene: tuple(n for n in names if n in some) for scene, some in found.items() if some}
