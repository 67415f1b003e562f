"""A vocabulary: ordered class names with ids, synonyms, definitions and scenes.

In:  fields that were checked (``validation``).
Out: one frozen ``Vocabulary``, with the hash of what it describes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from langseg.cache.keys import canonical_json, scene_key, sha256_hex


@dataclass(frozen=True, kw_only=True)
class ClassEntry:
    """One class. ``definition`` says which sense of an ambiguous name is meant, or is ``""``."""

    name: str
    id: int
    synonyms: tuple[str, ...] = ()
    definition: str = ""

    @property
    def prompt_data(self) -> dict[str, Any]:
        """What a prompt says of the class, as JSON values; its id is the dataset's own business."""
        synonyms, definition = list(self.synonyms), self.definition
        return {"name": self.name, "synonyms": synonyms, "definition": definition}


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Classes in the dataset's order.

    ``id`` is the value of a class in the dataset's label files, ``ignore_ids`` are file values
    that mean "not labelled". ``scenes`` maps a scene to the names of the classes that are
    plausible in it and look different there; every other pair falls back to scene ``*``.
    ``scene_names`` maps a scene to what else the dataset calls it ("hotel room" is a bedroom).
    ``look_alikes`` maps a class to those it is known to be confused with, and they to it.
    """

    name: str
    classes: tuple[ClassEntry, ...]
    ignore_ids: tuple[int, ...]
    scenes: Mapping[str, tuple[str, ...]]
    scene_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    look_alikes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """sha256 of what is described: a head trained for one hash refuses another.

        What else a scene is called, and what a class is confused with, change no word of it, and
        are left out.
        """
        described = asdict(self)
        del described["scene_names"], described["look_alikes"]
        return sha256_hex(canonical_json(described))

    @property
    def classes_sha256(self) -> str:
        """sha256 of which classes there are, in which order: another list of classes may give a
        name, or a place in the list, to another class."""
        return sha256_hex(canonical_json([entry.prompt_data for entry in self.classes]))

    def scene_of(self, name: str) -> str:
        """The scene that a name stands for; the name itself where it stands for none here."""
        return self._scene_by_name.get(scene_key(name), name)

    @cached_property
    def _scene_by_name(self) -> dict[str, str]:
        others = {scene_key(n): scene for scene, ns in self.scene_names.items() for n in ns}
        return others | {scene_key(scene): scene for scene in self.scenes}
