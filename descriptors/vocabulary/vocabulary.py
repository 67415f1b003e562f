"""A vocabulary: ordered class names with ids, synonyms, definitions and scenes.

In:  fields that were checked (``validation``).
Out: one frozen ``Vocabulary``, with the hash of what it describes.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from langseg.cache.keys import canonical_json, scene_key, sha256_hex
from langseg.descriptors.phrases.spoken import Spoken, said_apart, spoken

_IN_LETTERS = re.compile(r"[^\W_]+(?:[ '-][^\W_]+)*")
_MERGED = re.compile("-merged$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ClassEntry:
    """One class. ``definition`` says which sense of an ambiguous name is meant, or is ``""``."""

    name: str
    id: int
    synonyms: tuple[str, ...] = ()
    definition: str = ""

    @cached_property
    def spoken(self) -> Spoken:
        """How the name is said. One in letters stays as it is where the list defines the class:
        its author says better than we what ``wall-other`` leaves to others. That other classes
        were merged into it (``tree-merged``) is no part of a name."""
        if self.definition and _IN_LETTERS.fullmatch(self.name) and not _MERGED.search(self.name):
            return Spoken(name=self.name)
        return spoken(self.name)

    @property
    def prompt_data(self) -> dict[str, Any]:
        """What a prompt says of the class, as JSON values, its names as they are spoken; its id is
        the dataset's own business."""
        said = self.spoken
        others = [spoken(synonym) for synonym in self.synonyms]
        names = (*said.others, *(name for one in others for name in (one.name, *one.others)))
        return {
            "name": said.name,
            "synonyms": [name for name in dict.fromkeys(names) if name != said.name],
            "definition": "; ".join(filter(None, (said.kind, self.definition or said.note))),
        }

    @cached_property
    def sense(self) -> str:
        """12 digits of the sha256 of ``prompt_data``: what requests of one sense are about."""
        return sha256_hex(canonical_json(self.prompt_data))[:12]


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Classes in the dataset's order.

    ``id`` is the value of a class in the dataset's label files, ``ignore_ids`` are file values
    that mean "not labelled". ``scenes`` maps a scene to the names of the classes that are
    plausible in it and look different there; every other pair falls back to scene ``*``.
    ``scene_names`` maps a scene to what else the dataset calls it ("hotel room" is a bedroom).
    ``look_alikes`` maps a class to those it is known to be confused with, and they to it;
    ``hypernyms`` maps a class to the next broader word for it, where there is one.
    ``read_as`` says whose form the file had, and what of it was left out; "" for LangSeg's own.
    """

    name: str
    classes: tuple[ClassEntry, ...]
    ignore_ids: tuple[int, ...]
    scenes: Mapping[str, tuple[str, ...]]
    scene_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    look_alikes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hypernyms: Mapping[str, str] = field(default_factory=dict)
    read_as: str = field(default="", compare=False)

    @property
    def hash(self) -> str:
        """sha256 of what is described: a head trained for one hash refuses another.

        What else a scene is called, what a class is confused with or a kind of, and which form
        the file had, change no word of it, and are left out.
        """
        described = asdict(self)
        for name in ("scene_names", "look_alikes", "hypernyms", "read_as"):
            del described[name]
        return sha256_hex(canonical_json(described))

    @property
    def classes_sha256(self) -> str:
        """sha256 of which classes there are, in which order: another list of classes may give a
        name, or a place in the list, to another class."""
        return sha256_hex(canonical_json([entry.prompt_data for entry in self.classes]))

    @cached_property
    def said_names(self) -> Mapping[str, str]:
        """Class name -> what a text encoder reads for it, and a prompt lists; no two are alike."""
        names = [entry.name for entry in self.classes]
        said = said_apart(names, [entry.spoken for entry in self.classes])
        return dict(zip(names, said, strict=True))

    def scene_of(self, name: str) -> str:
        """The scene that a name stands for; the name itself where it stands for none here."""
        return self._scene_by_name.get(scene_key(name), name)

    @cached_property
    def _scene_by_name(self) -> dict[str, str]:
        others = {scene_key(n): scene for scene, ns in self.scene_names.items() for n in ns}
        return others | {scene_key(scene): scene for scene in self.scenes}
