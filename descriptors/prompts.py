"""Turn one class in one scene into the messages and the reply schema of an LLM request.

In:  a template of ``templates/``, the counts to ask for, a class, a scene.
Out: chat messages that share the longest possible prefix, and a JSON schema with exact counts.

A template has two blocks: ``system`` is the same for every request, ``user`` says the scene
before the class. Inference engines cache shared prefixes, so requests sorted by scene pay for
the constant part once. The class is data: a line of JSON, the last one, that ``class_data``
reads back, so that stored requests can be parsed again without the vocabulary.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files as package_files
from typing import Any

import jinja2

from langseg.cache.errors import UsageError
from langseg.cache.keys import sha256_hex
from langseg.cache.records import ANY_SCENE, SLOTS
from langseg.descriptors.vocabulary import NAME_CHARS, ClassEntry

DEFAULT_PROMPT = "visual_v1"
PHRASE_CHARS = 80
MAX_ITEMS = 50
_CLASS_MARK = "Class: "


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A template and how many items a reply has; scene ``*`` also asks for subclasses."""

    name: str
    source: str
    n_attributes: int
    n_subclasses: int
    n_per_subclass: int
    n_scene_attributes: int

    def __post_init__(self) -> None:
        least = {"n_attributes": 1, "n_subclasses": 0, "n_per_subclass": 1, "n_scene_attributes": 1}
        for count, fewest in least.items():
            if not fewest <= getattr(self, count) <= MAX_ITEMS:
                raise UsageError(
                    f"prompt {self.name}: wanted {count} from {fewest} to {MAX_ITEMS}, "
                    f"got {getattr(self, count)}"
                )

    @property
    def prompt_id(self) -> str:
        """Name and 12 digits of the template's sha256: a changed template is another prompt."""
        return f"{self.name}@{sha256_hex(self.source)[:12]}"

    def messages(self, entry: ClassEntry, scene: str) -> list[dict[str, str]]:
        """System and user message for one class in one scene (``*`` for none in particular)."""
        generic = scene == ANY_SCENE
        values = {
            "n_attributes": self.n_attributes if generic else self.n_scene_attributes,
            "n_subclasses": self.n_subclasses if generic else 0,
            "n_per_subclass": self.n_per_subclass,
            "scene": scene,
            "class": {
                "name": entry.name,
                "synonyms": list(entry.synonyms),
                "definition": entry.definition,
            },
        }
        return [
            {"role": "system", "content": self._render("system", {})},
            {"role": "user", "content": self._render("user", values)},
        ]

    def schema(self, scene: str) -> dict[str, Any]:
        """JSON schema of the reply: one for all classes, as servers compile each schema once."""
        if scene != ANY_SCENE:
            return _object(attributes=_list(_phrase(), self.n_scene_attributes))
        asked = {"attributes": _list(_phrase(), self.n_attributes)}
        if self.n_subclasses:
            subclass = _object(
                name={"type": "string", "maxLength": NAME_CHARS},
                parent={"type": "string", "maxLength": NAME_CHARS},
                descriptors=_list(_phrase(), self.n_per_subclass),
            )
            asked["subclasses"] = _list(subclass, self.n_subclasses)
        return _object(**asked)

    def _render(self, block: str, values: Mapping[str, Any]) -> str:
        template = _template(self.source)
        return "".join(template.blocks[block](template.new_context(dict(values)))).strip()


def load_prompt(name: str = DEFAULT_PROMPT, /, **counts: int) -> Prompt:
    """A shipped template, with the counts of ``Prompt``.

    Raises: UsageError, for a template that does not ship and for a count out of range.
    """
    folder = package_files("langseg.descriptors").joinpath("templates")
    names = sorted(file.name.removesuffix(".jinja") for file in folder.iterdir())
    if name not in names:
        raise UsageError(f"prompt {name!r}: wanted one of {', '.join(names)}")
    source = folder.joinpath(f"{name}.jinja").read_text("utf-8")
    return Prompt(name=name, source=source, **counts)


def class_data(messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Name, synonyms and definition of the class that messages of ours ask about."""
    line = messages[-1]["content"].rpartition("\n")[2]
    data: dict[str, Any] = json.loads(line.removeprefix(_CLASS_MARK))
    return data


@lru_cache(maxsize=8)
def _template(source: str) -> jinja2.Template:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 (no HTML)
    environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(source)


def _phrase() -> dict[str, Any]:
    return _object(
        slot={"type": "string", "enum": list(SLOTS)},
        text={"type": "string", "maxLength": PHRASE_CHARS},
    )


def _list(items: dict[str, Any], count: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": count, "maxItems": count}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
