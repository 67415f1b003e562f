"""Read which classes a store's LLM answers call plausible in which scenes.

In:  a store, a vocabulary, scenes that an LLM was asked about.
Out: those of the scenes that have an accepted answer, each with its classes.
"""

from collections.abc import Iterable, Iterator

from langseg.cache.records import Request
from langseg.cache.store.store import Store
from langseg.descriptors.prompts.plausible import asks_about, plausible_scenes
from langseg.descriptors.vocabulary.scene_list import Scenes
from langseg.descriptors.vocabulary.vocabulary import Vocabulary


def stored_scenes(
    store: Store, vocabulary: Vocabulary, scenes: tuple[str, ...], model: str
) -> Scenes:
    """What the store's LLM answers say is plausible; of any model where ``model`` is ""."""
    if not scenes:
        return {}
    names = list(vocabulary.said_names.values())
    requests = [
        request
        for request in _scene_requests(store)
        if request.scene in scenes and model in ("", request.model) and asks_about(request, names)
    ]
    plausible = answered_scenes(vocabulary, accepted_replies(store, requests))
    return {scene: plausible[scene] for scene in scenes if scene in plausible}


def answered_scenes(vocabulary: Vocabulary, answers: Iterable[tuple[Request, str]]) -> Scenes:
    """Scene -> plausible classes; a prompt lists their names as they are said."""
    name_of = {said: name for name, said in vocabulary.said_names.items()}
    found = plausible_scenes(list(name_of), answers)
    return {scene: tuple(map(name_of.__getitem__, names)) for scene, names in found.items()}


def accepted_replies(store: Store, requests: list[Request]) -> list[tuple[Request, str]]:
    """Those of the requests that have an accepted reply, with the text of the newest."""
    mine = {"request_key": [request.request_key for request in requests], "status": ["ok"]}
    accepted = store.table("responses", ("request_key", "raw_text"), where=mine)
    texts = dict(
        zip(accepted["request_key"].to_pylist(), accepted["raw_text"].to_pylist(), strict=True)
    )
    return [(one, texts[one.request_key]) for one in requests if one.request_key in texts]


def _scene_requests(store: Store) -> Iterator[Request]:
    """Requests that ask about a scene and no class."""
    for row in store.table("requests", where={"class_name": [""]}).to_pylist():
        yield Request(**row)
