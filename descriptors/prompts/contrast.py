"""Ask what separates the classes that are most easily confused, and take the reply apart.

In:  a vocabulary, a vector for each class; later a reply's object.
Out: for each class with look-alikes one request for what tells it from them; the phrases that a
     reply holds.

Asking only for what separates a pair beats generic descriptions where classes are ambiguous
(FuDD, ICLR 2024). Near-synonyms are no look-alikes: nothing separates them, and whatever is said
is wrong for one of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langseg.cache.keys import RequestKeys, canonical_json, normalise_text
from langseg.cache.records import ANY_SCENE, Request
from langseg.descriptors.prompts.candidates import Candidate, asked_items, candidates, text_field
from langseg.descriptors.prompts.json_reply import list_of, name_text, object_of, phrase
from langseg.descriptors.prompts.template import (
    CLASS_MARK,
    closing,
    closing_data,
    shipped_template,
)
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

CONTRAST_PROMPT = "contrast_v1"
REPLY_KEY = "differences"  # what tells this kind of reply from the others
MAX_LOOK_ALIKES = 3
PER_LOOK_ALIKE = 2
# Cosines of MiniLM for name and synonyms, seen on ADE20K: "stairs" and "step, stair" 0.89, "chair"
# and "seat" 0.77, "shelf" and "bookcase" 0.61; below 0.5 neighbours are merely related.
SYNONYM_COSINE = 0.86
RELATED_COSINE = 0.5
_ALIKE_MARK = "Look-alikes"
_MISLEADING_MARK = "Misleading"
MAX_MISLEADING = 12  # phrases of a class that the model is told


def class_text(entry: ClassEntry) -> str:
    """The text whose vector stands for a class when its neighbours are looked for."""
    said, kind = entry.prompt_data, entry.spoken.kind
    names = ", ".join((said["name"], *said["synonyms"]))
    return f"{names} ({kind})" if kind else names


def nearest_look_alikes(
    vocabulary: Vocabulary, vectors: NDArray[np.float32]
) -> dict[str, tuple[str, ...]]:
    """Class name -> its look-alikes; classes without any are left out.

    All that the vocabulary names, then the nearest, nearest first, up to ``MAX_LOOK_ALIKES``.

    Args:
        vectors: (C, D) unit vectors of ``class_text``, in the vocabulary's order.
    """
    names = [entry.name for entry in vocabulary.classes]
    own = [{n.casefold() for n in (e.name, *e.synonyms)} for e in vocabulary.classes]
    found = {}
    for row, name in enumerate(names):
        cosines = vectors @ vectors[row]
        named = vocabulary.look_alikes.get(name, ())
        near = [
            names[other]
            for other in np.argsort(-cosines, kind="stable")
            if RELATED_COSINE <= cosines[other] < SYNONYM_COSINE
            and not own[row] & own[other]
            and names[other] not in named
        ]
        if others := (*named, *near[: max(MAX_LOOK_ALIKES - len(named), 0)]):
            found[name] = others
    return found


def contrast_requests(
    vocabulary: Vocabulary,
    alike: Mapping[str, Sequence[str]],
    model: str,
    params: Mapping[str, Any],
    samples: int = 1,
    misleading: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[Request]:
    """One request for each class of ``alike`` and each sample, in the vocabulary's order.

    Args: misleading: class name -> phrases of it that led to its look-alikes, the worst first; the
        model is told the first ``MAX_MISLEADING``, to write none of them again.
    """
    template = shipped_template(CONTRAST_PROMPT)
    for entry in vocabulary.classes:
        others = [vocabulary.said_names[other] for other in alike.get(entry.name, ())]
        if not others:
            continue
        schema = _schema(len(others))
        opening = template.opening({"n_each": PER_LOOK_ALIKE, "n_others": len(others)})
        told = list((misleading or {}).get(entry.name, ()))[:MAX_MISLEADING]
        data = {_MISLEADING_MARK: told} if told else {}
        ending = closing({**data, _ALIKE_MARK: others, CLASS_MARK: entry.prompt_data})
        keys = RequestKeys(model=model, params=params, schema=schema, opening=opening)
        for sample in range(samples):
            yield Request(
                request_key=keys.key(ending, sample),
                class_name=entry.name,
                sense=entry.sense,
                scene=ANY_SCENE,
                sample_index=sample,
                model=model,
                prompt_id=template.prompt_id,
                params_json=canonical_json(params),
                messages_json=opening + ending,
                schema_json=canonical_json(schema),
            )


def asked_look_alikes(messages_json: str) -> list[str]:
    """The look-alikes that messages of ``contrast_requests`` ask about."""
    others: list[str] = closing_data(messages_json, _ALIKE_MARK, CLASS_MARK)[0]
    return others


def contrasting_phrases(
    reply: Mapping[str, Any], asked: Mapping[str, Any], others: Sequence[str]
) -> list[Candidate]:
    """Phrases of a reply about look-alikes; one about a class that was not asked for is none.

    Args:
        asked: the properties of the request's schema.
        others: the look-alikes that it asks about.

    Raises: ValueError, for a reply that lacks the list.
    """
    known = {other.casefold() for other in others}
    phrases: list[Candidate] = []
    for item in asked_items(reply, REPLY_KEY, asked):
        other = text_field(item, "other")
        stray = other is None or normalise_text(other).casefold() not in known
        phrases += candidates([item], subclass="", doomed="wrong_other" if stray else "")
    return phrases


def _schema(count: int) -> dict[str, Any]:
    """``PER_LOOK_ALIKE`` phrases for each look-alike, each with the look-alike it is about."""
    difference = object_of(other=name_text(), **phrase()["properties"])
    return object_of(**{REPLY_KEY: list_of(difference, PER_LOOK_ALIKE * count)})
