"""A text encoder that a server is: any OpenAI-compatible endpoint for embeddings.

In:  ``openai:MODEL``, a base URL, and the record that a store has of that model, if it has one.
Out: a ``TextEncoder`` of unit rows, and a record that knows the model again.

There are no weights to hash. Instead a few fixed texts, the probe, are embedded first, and their
vectors are part of the record: a server that has another model under the same name is refused, so
that vectors of two models never lie in one space. What a server does to its model within
``LEAST_LIKENESS`` (another GPU, another batch, half the precision) is the same model.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import CorruptError, InputError
from langseg.descriptors.encoders.base import EncoderRecord, OnPiece, TextEncoder, no_piece
from langseg.descriptors.encoders.embeddings_server import EmbeddingsServer
from langseg.descriptors.openai_api.endpoint import meant_base_url
from langseg.descriptors.vocabulary.source import SERVED

LABEL = "#"  # after it: which of several models that had the same name
PROBE = ("a smooth grey wall", "green leaves in the sun", "a small metal handle")
LEAST_LIKENESS = 0.999  # cosine of each probe text then and now
_FLOATS = np.dtype("<f2")


def is_served(name: str) -> bool:
    """Whether a text encoder of that name is a server's."""
    return name.startswith(SERVED)


class ServedEncoder(TextEncoder):
    """Its token counts are None: a server counts the texts of a request together."""

    is_paid = True

    def __init__(self, server: EmbeddingsServer, record: EncoderRecord) -> None:
        super().__init__(record)
        self._server = server

    @property
    def tokens(self) -> int | None:
        """As ``TextEncoder.tokens``, the probe's among them."""
        return self._server.tokens

    def encode(
        self, texts: Sequence[str], on_piece: OnPiece = no_piece
    ) -> tuple[NDArray[np.float32], None]:
        """As ``TextEncoder.encode``; a piece is what one reply brings, as soon as it is there.

        Raises: UpstreamError, see ``EmbeddingsServer.embed``.
        """
        vectors = np.zeros((len(texts), self.record.dim), np.float32)

        def keep(rows: Sequence[int], found: NDArray[np.float32]) -> None:
            vectors[list(rows)] = found
            on_piece([texts[row] for row in rows], found, None)

        if texts:
            self._server.embed(texts, keep)
        return vectors, None


def open_served(
    name: str,
    base_url: str,
    known: EncoderRecord | None,
    on_wait: Callable[[str], None] = lambda what: None,
) -> ServedEncoder:
    """Ask the server for its vectors of the probe, and see that it is the model that is known.

    Raises: UsageError, for a base URL or a key that cannot be used; UpstreamError, when the server
    gave no vectors; CorruptError, when it is another model now; InputError, for no model's name.
    """
    model, _, label = name.removeprefix(SERVED).partition(LABEL)
    if not model or (LABEL in name and not label):
        raise InputError(
            f"text encoder {name!r}: wanted {SERVED}MODEL, such as "
            f"{SERVED}text-embedding-3-small, got no name"
        )
    server = EmbeddingsServer(model, meant_base_url(base_url), on_wait=on_wait)
    rows: dict[int, NDArray[np.float32]] = {}
    server.embed(PROBE, lambda places, found: rows.update(zip(places, found, strict=True)))
    probe = np.stack([rows[place] for place in range(len(PROBE))])
    if known is None:
        known = EncoderRecord(
            model=name,
            weights_sha256="",
            dim=probe.shape[1],
            max_tokens=None,
            prompt="",
            normalised=True,
            image_aligned=False,
            probe=b64encode(probe.astype(_FLOATS).tobytes()).decode(),
        )
    likeness = _likeness(probe, known)
    if likeness < LEAST_LIKENESS:
        raise CorruptError(
            f"{server.base_url}: wanted the model that {known.encoder_id} was made by, got another "
            f"under the name {model!r} (likeness {likeness:.3f}, of at least {LEAST_LIKENESS}); "
            f"serve that one again, or run `langseg-desc encode --encoder {SERVED}{model}{LABEL}2` "
            "to embed every text anew beside the old vectors"
        )
    return ServedEncoder(server, known)


def _likeness(probe: NDArray[np.float32], known: EncoderRecord) -> float:
    """The least cosine of a text of the probe with what it was; -1 for vectors of another size."""
    rows = np.frombuffer(b64decode(known.probe), _FLOATS).astype(np.float32)
    if rows.size != probe.size:
        return -1.0
    before = rows.reshape(probe.shape)
    cosines = (before * probe).sum(axis=1) / np.linalg.norm(before, axis=1)
    return float(cosines.min())
