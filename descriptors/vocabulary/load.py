"""Load a vocabulary: one that ships, or a person's class list.

In:  the name of a dataset, or the path of a txt, csv, json or yaml file.
Out: one checked ``Vocabulary``; or one error that names every bad row.
"""

from difflib import get_close_matches
from importlib.resources import files as package_files
from pathlib import Path

from langseg.cache.errors import InputError, UsageError
from langseg.descriptors.vocabulary.class_list import parse_class_list
from langseg.descriptors.vocabulary.validation import check_classes
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

_MAX_FILE_BYTES = 16 * 2**20


def shipped_vocabularies() -> tuple[str, ...]:
    """Names of the datasets whose vocabulary ships with LangSeg."""
    folder = package_files("langseg.descriptors.vocabulary")
    return tuple(sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml")))


def load_vocabulary(dataset: str | None = None, classes_file: Path | None = None) -> Vocabulary:
    """The vocabulary of a shipped dataset, or of a class list (txt, csv, json, yaml).

    Raises: UsageError, unless exactly one of the two is given and the dataset ships;
    InputError, for a class list that cannot be read, or naming every bad row of it.
    """
    shipped = ", ".join(shipped_vocabularies())
    if (dataset is None) == (classes_file is None):
        raise UsageError(
            "classes: wanted either a dataset or a class list, got "
            f"{'neither' if dataset is None else 'both'}; give one of {shipped}, or --classes FILE"
        )
    if classes_file is not None:
        return _from_file(classes_file)
    if dataset not in shipped_vocabularies():
        close = get_close_matches(str(dataset), shipped_vocabularies(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "; for another give --classes FILE"
        raise UsageError(f"dataset {dataset!r}: wanted one of {shipped}{hint}")
    folder = package_files("langseg.descriptors.vocabulary")
    data = folder.joinpath(f"{dataset}.yaml").read_bytes()
    return check_classes(parse_class_list(data, "yaml", f"{dataset}.yaml"), f"{dataset}.yaml")


def _from_file(path: Path) -> Vocabulary:
    try:
        size = path.stat().st_size
        if size > _MAX_FILE_BYTES:
            raise InputError(f"{path}: wanted a class list of at most 16 MiB, got {size} bytes")
        data = path.read_bytes()
    except OSError as exc:
        raise InputError(f"{path}: wanted a class list, got {exc.strerror}") from exc
    raw = parse_class_list(data, path.suffix.lstrip(".").lower(), str(path))
    return check_classes(raw, str(path), default_name=path.stem)
