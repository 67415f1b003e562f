"""Choose, among everything a store holds, the answers that make up one vocabulary's descriptors.

In:  a vocabulary, the requests and responses of a store, perhaps a model's name.
Out: one accepted answer for each (class, scene) of the vocabulary, and what has none.

A request belongs to a vocabulary when it asked about that very class: same name, same synonyms,
same definition, as its own messages say. So two vocabularies share answers where they mean the
same thing, and never mix two senses of one name.

What covers more of the vocabulary comes before what is newer: a few answers for a class that
another vocabulary shares, or of a run that was cut off, must not push aside a whole set.
"""

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from langseg.cache.errors import InputError
from langseg.cache.records import ANY_SCENE, MODEL_PREFIX, Request
from langseg.descriptors.bank.asking import Asking, askings_of, without_limit
from langseg.descriptors.prompts.contrast import asked_look_alikes
from langseg.descriptors.prompts.subject import Subject, is_contrast, subject_of
from langseg.descriptors.prompts.template import class_data
from langseg.descriptors.vocabulary.vocabulary import Vocabulary


@dataclass(frozen=True)
class Selection:
    """``keys`` are request keys; ``askings`` say how these were asked, the widest first."""

    model: str
    keys: frozenset[str]
    askings: tuple[Asking, ...] = ()


def select_answers(
    vocabulary: Vocabulary,
    requests: Iterable[Request],
    accepted_at: Mapping[str, str],
    model: str = "",
    flags: str = "",
) -> Selection:
    """Pick one model's accepted answers, for each subject those of the widest, then newest, asking.

    Args:
        accepted_at: request_key -> ISO time of its newest ``ok`` response.
        model: "" takes the model that covers most subjects of this vocabulary, then the newest; an
            imported set only where there is nothing else: it is there to be compared with.
        flags: what `langseg-desc generate` needs to ask about this vocabulary, each after a space.

    An asking is a prompt with its parameters (a bundled pack's hash is one of them; the reply limit
    is none, as a cut reply is asked for with a longer one); of two that differ in their counts
    only, the wider comes first, too. All samples of the chosen (prompt, parameters, schema) of a
    subject count together. What tells a class from its look-alikes is chosen beside what describes
    it. An imported set is one file, that of its name which came last.
    Raises: InputError, when the store has no accepted answer for the vocabulary (of that model).
    """
    belongs = _membership(vocabulary)
    mine = [
        replace(r, messages_json="")  # most of a request, and needed no more
        for r in requests
        if r.request_key in accepted_at and belongs(r)
    ]
    named = [r for r in mine if model in ("", r.model)]
    if not named:
        other = ", ".join(sorted({request.model for request in mine}))
        raise InputError(
            f"vocabulary {vocabulary.name}: the store has no accepted answer"
            + (f" of {model!r}" if model else "")
            + (f" (it has some of {other}: give one as --model)" if other else "")
            + f"; run `langseg-desc generate{flags}`"
        )
    at = {request.request_key: accepted_at[request.request_key] for request in named}
    models = _reach(named, lambda r: r.model)
    own = [r for r in named if not r.model.startswith(MODEL_PREFIX)] or named
    chosen = max(own, key=lambda r: (models[r.model], at[r.request_key])).model
    written = [request for request in named if request.model == chosen]
    if chosen.startswith(MODEL_PREFIX):
        written = _newest_file(written, at, vocabulary.classes_sha256)
    prompts, counts = _reach(written, _prompt), _reach(written, _counts)
    best: dict[Subject, Request] = {}
    for request in sorted(
        written, key=lambda r: (prompts[_prompt(r)], counts[_counts(r)], at[r.request_key])
    ):
        best[subject_of(request)] = request
    taken = [r for r in written if _batch(r) == _batch(best[subject_of(r)])]
    keys = frozenset(request.request_key for request in taken)
    return Selection(chosen, keys, askings_of(taken, at))


def _reach(requests: Iterable[Request], group: Callable[[Request], Hashable]) -> Counter[Hashable]:
    """How many subjects of the vocabulary each group of requests covers."""
    return Counter(key for key, _ in {(group(one), subject_of(one)) for one in requests})


def _newest_file(
    written: Sequence[Request], at: Mapping[str, str], matched_to: str
) -> list[Request]:
    """Of an imported set only one file, matched to these very classes if there is such a one."""
    own = [r for r in written if json.loads(r.params_json).get("classes_sha256") == matched_to]
    last = max(own or written, key=lambda r: at[r.request_key])
    return [request for request in written if _prompt(request) == _prompt(last)]


def _prompt(request: Request) -> tuple[str, str]:
    return request.prompt_id, without_limit(request.params_json)


def _batch(request: Request) -> tuple[str, str, str]:
    return *_prompt(request), request.schema_json


def _counts(request: Request) -> Hashable:
    """Its batch; as many look-alikes as a class has, so many phrases are asked for."""
    return _prompt(request) if is_contrast(request.schema_json) else _batch(request)


def _membership(vocabulary: Vocabulary) -> Callable[[Request], bool]:
    entries = {entry.name: entry.prompt_data for entry in vocabulary.classes}
    listed = set(vocabulary.said_names.values())
    pairs = {(name, scene) for scene, names in vocabulary.scenes.items() for name in names}

    def belongs(request: Request) -> bool:
        name, scene = request.class_name, request.scene
        if name not in entries or (scene != ANY_SCENE and (name, scene) not in pairs):
            return False
        if is_contrast(request.schema_json):
            others = asked_look_alikes(request.messages_json)
            if not listed.issuperset(others):  # of another vocabulary
                return False
        return class_data(request.messages_json) == entries[name]

    return belongs
