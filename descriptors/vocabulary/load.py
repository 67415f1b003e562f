"""Load a vocabulary: one that ships, a person's class list, or the names themselves.

In:  the name of a dataset, the path of a class list, or names with commas between them.
Out: one checked ``Vocabulary``; or one error that names every bad row.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from importlib.resources import files as package_files
from pathlib import Path

from langseg.cache.errors import InputError, UsageError
from langseg.descriptors.phrases.characters import printable
from langseg.descriptors.vocabulary.class_list import listed_names, parse_class_list
from langseg.descriptors.vocabulary.large_file import categories_of
from langseg.descriptors.vocabulary.validation import check_classes
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

_MAX_FILE_BYTES = 16 * 2**20
_NAME_CHARS = 40


def shipped_vocabularies() -> tuple[str, ...]:
    """Names of the datasets whose vocabulary ships with LangSeg."""
    folder = package_files("langseg.descriptors.vocabulary")
    return tuple(sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml")))


def load_vocabulary(dataset: str) -> Vocabulary:
    """The vocabulary of a dataset that ships. Raises: UsageError, for any other name."""
    if dataset not in shipped_vocabularies():
        close = get_close_matches(dataset, shipped_vocabularies(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "; for another give --classes FILE"
        shipped = ", ".join(shipped_vocabularies())
        raise UsageError(f"dataset {dataset!r}: wanted one of {shipped}{hint}")
    folder = package_files("langseg.descriptors.vocabulary")
    data = folder.joinpath(f"{dataset}.yaml").read_bytes()
    return check_classes(parse_class_list(data, "yaml", f"{dataset}.yaml"), f"{dataset}.yaml")


def vocabulary_of(words: str | Path | Sequence[str]) -> Vocabulary:
    """The vocabulary that words mean: a file's, a shipped one by its name, or the names given.

    ``words`` is a path, ``ade20k``, ``"sky, tree, car"`` or a sequence of names; a file that is
    there counts before anything else, one class alone is written ``"sky,"``, and a name that has a
    comma stands in quotes, as in a CSV. Names get the ids 1..C, and are themselves what the
    vocabulary is called.
    Raises: UsageError, for a single word that is no file and no vocabulary that ships, and for
    names that are no text; InputError, for a class list that cannot be read, or naming every bad
    row of it.
    """
    if isinstance(words, Path) or (isinstance(words, str) and _is_file(words)):
        return _from_file(Path(words))
    if isinstance(words, str):
        if words in shipped_vocabularies():
            return load_vocabulary(words)
        if "," not in words:
            if not words:
                raise UsageError("classes: wanted the name of a file, or names, got none")
            if Path(words).suffix or "/" in words or "\\" in words:
                return _from_file(Path(words))
            close = get_close_matches(words, shipped_vocabularies(), n=1)
            several = [name.strip() for name in re.split(r"[;|\n\t]", words) if name.strip()]
            hint = f"write '{printable(', '.join(several))}'"
            if close or len(several) < 2:
                alone = f"a class alone is written '{printable(words)},'"
                hint = f"did you mean {close[0]!r}?" if close else alone
            raise UsageError(
                f"classes {printable(words)!r}: wanted a file, a vocabulary that ships "
                f"({', '.join(shipped_vocabularies())}) or names with commas between; {hint}"
            )
        words = [name for name in _read_words(words) if name.strip()]
    _check_text(words)
    called = printable(", ".join(name.strip() for name in words), _NAME_CHARS)
    return check_classes(listed_names(words, "classes"), "classes", default_name=called)


def written_words(names: Sequence[str]) -> str:
    """Names as ``vocabulary_of`` reads them out of one text. Raises: UsageError, for no text."""
    _check_text(names)
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(names)
    return row.getvalue() + "," * (len(names) == 1)


def _read_words(words: str) -> list[str]:
    try:
        return next(csv.reader([words], skipinitialspace=True, strict=True))
    except csv.Error:  # a quote that is part of a name, or a line's end
        return words.split(",")


def _check_text(names: Sequence[object]) -> None:
    for name in names:
        if not isinstance(name, str):
            raise UsageError(f"classes: wanted names as text, got {name!r:.40}")


def _is_file(words: str) -> bool:
    try:
        return Path(words).is_file()
    except OSError:  # names together longer than a file's name can be
        return False


def _from_file(path: Path) -> Vocabulary:
    try:
        size = path.stat().st_size
        if size > _MAX_FILE_BYTES and path.suffix.lower() == ".json":
            data = categories_of(path)
        elif size > _MAX_FILE_BYTES:
            raise InputError(f"{path}: wanted a class list of at most 16 MiB, got {size} bytes")
        else:
            data = path.read_bytes()
    except OSError as exc:
        raise InputError(f"{path}: wanted a class list, got {exc.strerror}") from exc
    raw = parse_class_list(data, path.suffix.lstrip(".").lower(), str(path))
    vocabulary = check_classes(raw, str(path), default_name=path.stem)
    if not raw.form and not raw.told:
        return vocabulary
    read_as = f"{raw.form or 'class list'}, {len(vocabulary.classes)} classes"
    return replace(vocabulary, read_as=f"{path.name}: {'; '.join([read_as, *raw.told])}")
