"""Which scenes are asked about, and which classes are known to be plausible in them.

In:  a vocabulary, perhaps a person's file of scenes.
Out: scene -> its classes, or none where an LLM is yet to be asked for them.

    txt         one scene a line, or Places365's categories; ``#`` starts a comment
    json, yaml  a list of scenes, or {scene: [class names], or null}
    sceneCategories.txt   as ADE20K ships it: a picture and its scene a line; the commonest first,
                          each under the name that the vocabulary has for it
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from langseg.cache.errors import InputError
from langseg.cache.keys import normalise_text
from langseg.descriptors.vocabulary.text_file import load_yaml, read_text_file
from langseg.descriptors.vocabulary.validation import checked_scenes, name_problem
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

Scenes = dict[str, tuple[str, ...]]  # () for classes that are not known yet
_CATEGORIES = "sceneCategories.txt"
_MAX_FILE_BYTES = 16 * 2**20


def wanted_scenes(which: str, vocabulary: Vocabulary) -> Scenes:
    """Those of the vocabulary for ``dataset``, none for ``none``, else those of a file.

    Raises: InputError, as ``read_scenes``.
    """
    if which == "none":
        return {}
    if which == "dataset":
        return dict(vocabulary.scenes)
    return read_scenes(Path(which), vocabulary)


def known_and_unknown(
    vocabulary: Vocabulary, scenes: Scenes, most: int | None
) -> tuple[Vocabulary, tuple[str, ...]]:
    """The vocabulary with the first ``most`` scenes, of these the known; and the unknown ones."""
    first = dict(islice(scenes.items(), most))
    known = {scene: names for scene, names in first.items() if names}
    unknown = tuple(scene for scene, names in first.items() if not names)
    return replace(vocabulary, scenes=known), unknown


def with_scenes(vocabulary: Vocabulary, more: Scenes) -> Vocabulary:
    """The vocabulary with further pairs behind those it has."""
    return replace(vocabulary, scenes={**vocabulary.scenes, **more})


def read_scenes(path: Path, vocabulary: Vocabulary) -> Scenes:
    """Raises: InputError, for a file that cannot be read, or naming every bad scene of it."""
    document = _document(path, vocabulary)
    problems: list[str] = []
    if isinstance(document, dict):
        found = _named(document, problems)
        known = {
            scene: classes
            for scene, classes in document.items()
            if classes is not None and not name_problem(scene)
        }
        found |= checked_scenes(known, {entry.name for entry in vocabulary.classes}, problems)
    elif isinstance(document, list):
        found = _named(document, problems)
    else:
        problems.append(
            f"wanted a list of scenes or {{scene: [classes]}}, got {type(document).__name__}"
        )
        found = {}
    if not found and not problems:
        problems.append("it names none")
    if problems:
        raise InputError(f"{path}: these scenes cannot be used: {'; '.join(problems[:20])}")
    return found


def _named(scenes: Iterable[object], problems: list[str]) -> Scenes:
    found: Scenes = {}
    seen: set[str] = set()
    for number, scene in enumerate(scenes, 1):
        if problem := name_problem(scene):
            problems.append(f"scene {number}: {problem}")
            continue
        name = normalise_text(str(scene))
        if name.casefold() in seen:
            problems.append(f"scene {number}: {name!r} is there twice")
        seen.add(name.casefold())
        found[name] = ()
    return found


def _document(path: Path, vocabulary: Vocabulary) -> Any:
    """What a file says, unchecked."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise InputError(f"{path}: wanted a file of scenes of at most 16 MiB, got a larger one")
        text = read_text_file(path.read_bytes()).text
        if path.suffix.lower() in (".yaml", ".yml"):
            return load_yaml(text)
        if path.suffix.lower() == ".json":
            return json.loads(text)
    except OSError as exc:
        raise InputError(f"{path}: wanted a file of scenes, got {exc.strerror}") from exc
    except (ValueError, yaml.YAMLError, RecursionError) as exc:
        reason = " ".join(str(exc).split())[:200]
        raise InputError(f"{path}: wanted a file of scenes, got {reason}") from exc
    if path.name == _CATEGORIES:
        rows = [line.split() for line in text.splitlines()]
        names = (row[1].replace("_", " ") for row in rows if len(row) == 2)
        counted = Counter(vocabulary.scene_of(name) for name in names)
        return [scene for scene, _ in counted.most_common()]
    lines = (line.partition("#")[0].strip() for line in text.split("\n"))  # and at nothing else
    return [_without_key(line) for line in lines if line]


def _without_key(line: str) -> str:
    """Places365 and SUN have ``/a/apartment_building/outdoor 8`` for a scene."""
    places = re.fullmatch(r"/[a-z]/([^\W\d_][^\s/]*(?:/[^\s/]+)?)(?:\s+\d+)?", line)
    return re.sub(r"[_/]", " ", places[1]) if places else line
