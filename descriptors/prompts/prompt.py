"""Turn one class in one scene into the messages and the reply schema of an LLM request.

In:  a template, the counts to ask for, a class, a scene.
Out: chat messages that share the longest possible prefix, and a JSON schema with exact counts.

A template says the scene before the data, and the class is the last line: inference engines
cache shared prefixes, so requests sorted by scene pay for the constant part once.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langseg.cache.errors import InputError, UsageError
from langseg.cache.records import ANY_SCENE
from langseg.descriptors.phrases.spoken import spoken
from langseg.descriptors.prompts.json_reply import list_of, name_text, object_of, phrase
from langseg.descriptors.prompts.template import (
    CLASS_MARK,
    Template,
    closing,
    shipped_template,
    template_from_file,
)
from langseg.descriptors.vocabulary.vocabulary import ClassEntry

DEFAULT_PROMPT = "visual_v1"
MAX_ITEMS = 50


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A template and how many items a reply has; scene ``*`` also asks for subclasses."""

    template: Template
    n_attributes: int
    n_subclasses: int
    n_per_subclass: int
    n_scene_attributes: int

    def __post_init__(self) -> None:
        least = {"n_attributes": 1, "n_subclasses": 0, "n_per_subclass": 1, "n_scene_attributes": 1}
        for count, fewest in least.items():
            if not fewest <= getattr(self, count) <= MAX_ITEMS:
                raise UsageError(
                    f"prompt {self.template.name}: wanted {count} from {fewest} to {MAX_ITEMS}, "
                    f"got {getattr(self, count)}"
                )

    def opening(self, scene: str) -> str:
        """Canonical JSON of the messages about any class in a scene, up to the class."""
        generic = scene == ANY_SCENE
        return self.template.opening(
            {
                "n_attributes": self.n_attributes if generic else self.n_scene_attributes,
                "n_subclasses": self.n_subclasses if generic else 0,
                "n_per_subclass": self.n_per_subclass,
                "scene": scene if generic else spoken(scene).text,
            }
        )

    def messages(self, entry: ClassEntry, scene: str) -> list[dict[str, str]]:
        """System and user message for one class in one scene (``*`` for none in particular)."""
        whole = self.opening(scene) + closing({CLASS_MARK: entry.prompt_data})
        messages: list[dict[str, str]] = json.loads(whole)
        return messages

    def schema(self, scene: str) -> dict[str, Any]:
        """JSON schema of the reply: one for all classes, as servers compile each schema once."""
        if scene != ANY_SCENE:
            return object_of(attributes=list_of(phrase(), self.n_scene_attributes))
        asked = {"attributes": list_of(phrase(), self.n_attributes)}
        if self.n_subclasses:
            subclass = object_of(
                name=name_text(),
                parent=name_text(),
                descriptors=list_of(phrase(), self.n_per_subclass),
            )
            asked["subclasses"] = list_of(subclass, self.n_subclasses)
        return object_of(**asked)


def load_prompt(name: str = DEFAULT_PROMPT, /, **counts: int) -> Prompt:
    """A shipped template, with the counts of ``Prompt``.

    Raises: UsageError, for a template that does not ship and for a count out of range.
    """
    return Prompt(template=shipped_template(name), **counts)


def read_prompt(path: Path, says_scene: bool = True, /, **counts: int) -> Prompt:
    """A person's template with the counts of ``Prompt``, tried before anything is sent.

    Args:
        says_scene: whether there are scenes to say.

    Raises: InputError, for a template that cannot be read, or that asks the same whatever the
    scene; UsageError, for one that does not render and for a count out of range.
    """
    prompt = Prompt(template=template_from_file(path), **counts)
    prompt.opening(ANY_SCENE)
    if says_scene and prompt.opening("a scene") == prompt.opening("another scene"):
        raise InputError(
            f"{path}: wanted a block user that says the scene, got the same text for two scenes; "
            "use {{ scene | json }} in it"
        )
    return prompt
