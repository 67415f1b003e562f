"""Throughput of `encode` beside sentence-transformers' own, on one list of texts with duplicates.

In:  a number of texts, and the share of them that is distinct.
Out: a table of seconds and texts a second for each contender, and how many times as fast ours is.

The texts are phrases as an LLM writes them; in published sets 43 to 73 % of all are distinct. The
model is loaded and warm for both. Ours makes ids of the texts, embeds each once, and commits it to
a store on the disk; the peer's ``SentenceTransformer.encode`` (which sorts by length) keeps an
array in memory, once with its own batch size and once with ours, so that the gain is not that of
the batch. They take turns.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from tests.benchmarks.harness import machine, show, spread
from tests.benchmarks.latency_server import phrase

if TYPE_CHECKING:
    from langseg.descriptors.encoders.sentence import SentenceEncoder

PEERS_BATCH = 32  # its default
_STRIDE = 104_729  # odd: meets each of the 2**20 phrases once


def some_phrases(count: int, distinct: float) -> list[str]:
    """``count`` texts in no order; of the distinct ones some are far more common than others."""
    rng = np.random.default_rng(0)
    own = round(count * distinct)
    ranks = np.concatenate([np.arange(own), (own ** rng.random(count - own)).astype(int) - 1])
    return [phrase(int(rank) * _STRIDE) for rank in rng.permutation(ranks)]


def ours(encoder: "SentenceEncoder", texts: list[str], folder: Path) -> float:
    from langseg.cache.store.store import Store
    from langseg.descriptors.encoders import embed
    from langseg.descriptors.encoders.embed import WantedTexts, embed_missing, texts_within

    store = Store.open(folder, create=True)
    with mock.patch.object(embed, "load_encoder", return_value=encoder):
        started = time.perf_counter()
        wanted = WantedTexts(len(texts), lambda id_range: texts_within(texts, id_range))
        done = embed_missing(store, "minilm", wanted, lambda phase, done, total, note: None)
        seconds = time.perf_counter() - started
    assert done.embedded == len(set(texts))
    return seconds


def theirs(encoder: "SentenceEncoder", texts: list[str], batch: int = PEERS_BATCH) -> float:
    started = time.perf_counter()
    vectors = encoder.model.encode(
        texts, normalize_embeddings=True, show_progress_bar=False, batch_size=batch
    )
    seconds = time.perf_counter() - started
    assert len(vectors) == len(texts)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--distinct", type=float, default=0.5, help="of all texts, 0 to 1")
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    from langseg.descriptors.encoders.base import BATCH
    from langseg.descriptors.encoders.load import load_encoder
    from langseg.descriptors.encoders.sentence import SentenceEncoder

    print(machine())
    encoder = load_encoder("minilm")
    assert isinstance(encoder, SentenceEncoder)
    texts = some_phrases(args.texts, args.distinct)
    encoder.encode(texts[:64])
    same_batch = f"theirs, batches of {BATCH}"
    seconds: dict[str, list[float]] = {"ours": [], "theirs": [], same_batch: []}
    for number in range(args.rounds):
        with TemporaryDirectory() as name:
            seconds["ours"].append(ours(encoder, texts, Path(name) / "store"))
        seconds["theirs"].append(theirs(encoder, texts))
        seconds[same_batch].append(theirs(encoder, texts, BATCH))
        print(f"round {number + 1} of {args.rounds}", flush=True)
    rows = [
        {
            "contender": name,
            "seconds": spread(taken),
            "texts/s": f"{args.texts / median(taken):.0f}",
            "ours is": f"{median(taken) / median(seconds['ours']):.2f} x",
        }
        for name, taken in seconds.items()
    ]
    show(f"{len(texts)} texts, {len(set(texts))} of them distinct", rows)


if __name__ == "__main__":
    main()
