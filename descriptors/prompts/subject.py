"""Say what a request is about, whatever prompt and parameters it asks with.

In:  a request.
Out: its subject, which reads as a person would call it.
"""

import json
from functools import lru_cache
from typing import NamedTuple

from langseg.cache.records import ANY_SCENE, Request
from langseg.descriptors.prompts.contrast import REPLY_KEY


class Subject(NamedTuple):
    """A class in a scene or in any; or, without ``class_name``, a scene itself: which classes are
    plausible there. ``is_contrast``: what tells the class from its look-alikes."""

    class_name: str
    scene: str
    is_contrast: bool

    def __str__(self) -> str:
        if not self.class_name:
            return f"the scene {self.scene}"
        if self.is_contrast:
            return f"{self.class_name} beside its look-alikes"
        return self.class_name if self.scene == ANY_SCENE else f"{self.class_name} in {self.scene}"


def subject_of(request: Request) -> Subject:
    """Requests that differ only in prompt, parameters, model or sample have the same."""
    return Subject(request.class_name, request.scene, is_contrast(request.schema_json))


@lru_cache(maxsize=64)
def is_contrast(schema_json: str) -> bool:
    """Whether a reply to a request of this schema is about look-alikes."""
    return REPLY_KEY in json.loads(schema_json)["properties"]
