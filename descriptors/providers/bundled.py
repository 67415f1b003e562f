"""Answer requests from the descriptor packs that ship with LangSeg: no LLM, key, GPU or network.

In:  a vocabulary and requests for its classes.
Out: the replies an LLM would have been asked for, in the same JSON, at no cost.

A pack is ``packs/<vocabulary>.yaml``, one phrase a line:

    wall:
      attributes:
        - shape: broad flat upright surface
      subclasses:
        brick wall:
          - texture: rows of reddish blocks divided by pale mortar lines
      scenes:
        kitchen:
          - material: glossy square tiles behind the worktop
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from langseg.cache.errors import InputError
from langseg.cache.keys import sha256_hex
from langseg.cache.records import ANY_SCENE, Request
from langseg.descriptors.prompts import plausible
from langseg.descriptors.prompts.prompt import Prompt
from langseg.descriptors.prompts.template import class_data
from langseg.descriptors.providers.offline import OfflineProvider
from langseg.descriptors.vocabulary.text_file import load_yaml
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

_SHOWN = 20  # of what no pack has; more would bury what to do
Phrases = tuple[tuple[str, str], ...]  # (slot, text)


@dataclass(frozen=True)
class PackEntry:
    """What a pack says about one class."""

    attributes: Phrases
    subclasses: Mapping[str, Phrases] = field(default_factory=dict)
    scenes: Mapping[str, Phrases] = field(default_factory=dict)


@dataclass(frozen=True)
class Pack:
    """A pack, its entries under their case-folded class names, and the sha256 of its file."""

    name: str
    sha256: str
    entries: Mapping[str, PackEntry]


class BundledProvider(OfflineProvider):
    """Looks classes up by name: in the vocabulary's own pack first, then in the others.

    ``model`` and ``params`` are what requests to it must be planned with: a changed pack is a
    changed request. Raises: InputError, naming the classes and (class, scene) pairs that no pack
    has.
    """

    name = "bundled"
    note = "no LLM was called: these descriptors ship with LangSeg"

    def __init__(self, vocabulary: Vocabulary, packs: Traversable | None = None) -> None:
        found = _find_entries(vocabulary, packs or _shipped_packs())
        used = list(dict.fromkeys(pack for pack, _ in found.values()))
        self._entries = {name: entry for name, (_, entry) in found.items()}
        self._pairs = [(name, scene) for scene, ns in vocabulary.scenes.items() for name in ns]
        self.served_model = (
            f"bundled pack {', '.join(name for name, _ in used)}: ships with LangSeg, "
            "no LLM was called"
        )
        self.model = "bundled"  # one for all packs: they are told apart by their hash
        self.params = {"pack_sha256": "+".join(sha256 for _, sha256 in used)}

    def held_counts(self) -> dict[str, int]:
        """How much a ``Prompt`` must ask for to be told all that the packs hold."""
        entries = self._entries.values()
        kinds = [phrases for entry in entries for phrases in entry.subclasses.values()]
        scenes = [self._entries[name].scenes[scene] for name, scene in self._pairs]
        return {
            "n_attributes": max(len(entry.attributes) for entry in entries),
            "n_subclasses": max(len(entry.subclasses) for entry in entries),
            "n_per_subclass": max(map(len, kinds), default=1),
            "n_scene_attributes": max(map(len, scenes), default=1),
        }

    def check_counts(self, prompt: Prompt) -> None:
        """Raises: InputError, for a count so large that a reply could fill less than half of it.

        (A reply may be short; below half of its attributes it is no answer.)
        """
        generic = [len(entry.attributes) for entry in self._entries.values()]
        scenes = [len(self._entries[name].scenes[scene]) for name, scene in self._pairs]
        for flag, asked, held in (
            ("--attributes", prompt.n_attributes, generic),
            ("--scene-attributes", prompt.n_scene_attributes, scenes),
        ):
            if held and asked > 2 * min(held):
                raise InputError(
                    f"{flag}: wanted phrases that the bundled packs hold, got {asked} where they "
                    f"hold {min(held)} to {max(held)}; give at most {2 * min(held)}, or have an "
                    "LLM write more: use --provider openai --model M"
                )

    def reply(self, request: Request) -> str:
        """The pack's reply to a request."""
        if request.class_name:
            return pack_reply(self._entries[request.class_name], request)
        there = [name for name, entry in self._entries.items() if request.scene in entry.scenes]
        return json.dumps({plausible.REPLY_KEY: there}, ensure_ascii=False)


def pack_reply(entry: PackEntry, request: Request) -> str:
    """The JSON reply to a request: the pack's first phrases, as many as were asked for."""
    asked = json.loads(request.schema_json)["properties"]
    generic = request.scene == ANY_SCENE
    attributes = entry.attributes if generic else entry.scenes[request.scene]
    reply: dict[str, Any] = {"attributes": _items(attributes, asked["attributes"])}
    if "subclasses" in asked:
        each = asked["subclasses"]["items"]["properties"]["descriptors"]
        named = list(entry.subclasses.items())[: asked["subclasses"]["maxItems"]]
        parent = class_data(request.messages_json)["name"]
        reply["subclasses"] = [
            {"name": name, "parent": parent, "descriptors": _items(phrases, each)}
            for name, phrases in named
        ]
    return json.dumps(reply, ensure_ascii=False)


def load_pack(file: Traversable) -> Pack:
    """Read a pack. Raises: InputError, naming the file and the first class that breaks its form."""
    try:
        data = file.read_bytes()
        document = load_yaml(data.decode())
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as exc:
        reason = " ".join(str(exc).split())[:200]
        raise InputError(f"{file.name}: wanted a descriptor pack, got {reason}") from exc
    if not isinstance(document, dict):
        raise InputError(f"{file.name}: wanted a descriptor pack, got no mapping of classes")
    entries = {}
    for name, described in document.items():
        try:
            entries[str(name).casefold()] = _entry(described)
        except (TypeError, ValueError, AttributeError, KeyError) as exc:
            raise InputError(
                f"{file.name}: class {name!r}: wanted `attributes`, `subclasses` and `scenes` "
                f"with one `slot: phrase` a line, got {exc!r}"
            ) from exc
    return Pack(file.name.removesuffix(".yaml"), sha256_hex(data), entries)


def _shipped_packs() -> Traversable:
    return package_files("langseg.descriptors").joinpath("packs")


def _find_entries(
    vocabulary: Vocabulary, folder: Traversable
) -> dict[str, tuple[tuple[str, str], PackEntry]]:
    """Class name -> ((pack name, pack sha256), entry), for every class of the vocabulary."""
    missing = {entry.name: entry.name.casefold() for entry in vocabulary.classes}
    found: dict[str, tuple[tuple[str, str], PackEntry]] = {}
    said_names = {entry.name: _said(entry) for entry in vocabulary.classes}
    nothing_said: dict[str, str] = {}
    for said in (nothing_said, said_names):  # any pack's very name comes before a saying of it
        missing = {name: said.get(name, key) for name, key in missing.items()}
        for pack in _packs(folder, vocabulary.name):
            if not missing:
                break
            for name, key in list(missing.items()):
                if key in pack.entries:
                    found[name] = (pack.name, pack.sha256), pack.entries[key]
                    del missing[name]
    lacking = [repr(name) for name in missing] + [
        f"{name!r} in scene {scene!r}"
        for scene, names in vocabulary.scenes.items()
        for name in names
        if name in found and scene not in found[name][1].scenes
    ]
    if lacking:
        more = [f"{len(lacking) - _SHOWN} more"] if len(lacking) > _SHOWN else []
        raise InputError(
            f"{vocabulary.name}: no bundled pack describes {', '.join(lacking[:_SHOWN] + more)}; "
            "have an LLM write them: use --provider openai --model M"
        )
    return found


def _said(entry: ClassEntry) -> str:
    """How a pack may name a class; which kind of thing is meant is no part that it could lack."""
    said = entry.spoken
    return (said.text if said.kind else said.name).casefold()


def _packs(folder: Traversable, first: str) -> Iterator[Pack]:
    """The packs of a folder, each read when its turn comes: that of the given name first, then
    that of the dataset which the name is a part or a whole of (``ade20k`` for ``ade20k-full``)."""
    files = [file for file in folder.iterdir() if file.name.endswith(".yaml")]
    files.sort(key=lambda file: (not f"{first}-".startswith(f"{file.name[:-5]}-"), file.name))
    yield from map(load_pack, files)


def _entry(described: Any) -> PackEntry:
    unknown = set(described) - {"attributes", "subclasses", "scenes"}
    if unknown:
        raise ValueError(f"unknown keys {sorted(map(str, unknown))}")
    return PackEntry(
        attributes=_phrases(described["attributes"]),
        subclasses={str(k): _phrases(v) for k, v in (described.get("subclasses") or {}).items()},
        scenes={str(k): _phrases(v) for k, v in (described.get("scenes") or {}).items()},
    )


def _phrases(lines: Sequence[Mapping[str, str]]) -> Phrases:
    pairs = []
    for line in lines:
        if len(line) != 1 or not all(isinstance(part, str) for part in (*line, *line.values())):
            raise ValueError(f"the line {line!r}")
        pairs += list(line.items())
    return tuple(pairs)


def _items(phrases: Phrases, asked: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"slot": slot, "text": text} for slot, text in phrases[: asked["maxItems"]]]
