"""Each text is embedded once for each encoder, and memory is handed back meanwhile."""

import resource
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from langseg.cache.keys import text_id
from langseg.cache.store import text_id_ranges
from langseg.cache.store.store import Store
from langseg.descriptors.encoders import embed
from langseg.descriptors.encoders.embed import WantedTexts, embed_missing, texts_within
from tests.support.hash_encoder import HashEncoder
from tests.support.tiny_towers import clip_tower, siglip_tower

LONG = "a wall of very many words " * 8  # more letters than a tower reads


@pytest.mark.slow
def test_embed__flags_each_text_that_its_encoder_cuts(tmp_path: Path):
    store = Store.open(tmp_path / "store", create=True)
    towers = (
        f"clip:{clip_tower(tmp_path / 'clip')}",
        f"siglip:{siglip_tower(tmp_path / 'siglip')}",
    )
    for name in towers:
        wanted = WantedTexts(2, lambda id_range: texts_within(["sky", LONG], id_range))
        done = embed_missing(store, name, wanted, lambda phase, done, total, note: None)
        record, truncated = done.record, done.truncated
        table = store.embeddings(record.encoder_id, ("text_id", "n_tokens", "truncated"))
        rows = {row["text_id"]: row for row in table.to_pylist()}
        assert truncated == 1
        assert not rows[text_id("sky")]["truncated"]
        assert rows[text_id(LONG)]["truncated"]
        assert rows[text_id(LONG)]["n_tokens"] > record.max_tokens


STATM = Path("/proc/self/statm")
LEFT_MB = 64


def resident_mb() -> float:
    return int(STATM.read_text().split()[1]) * resource.getpagesize() / 2**20


def leave() -> None:
    """Let go so much of Arrow's memory, in pieces that its pool keeps for the next."""
    pieces = [pa.array([b"x" * 10_000]) for _ in range(LEFT_MB * 2**20 // 10_000)]
    del pieces


class Leaving(HashEncoder):
    """``resident`` is what there was each time before it leaves some."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, dim=4)
        self.resident: list[float] = []

    def _encode(self, texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        self.resident.append(resident_mb())
        leave()
        return super()._encode(texts)


@pytest.mark.slow
@pytest.mark.skipif(
    not STATM.exists() or pa.default_memory_pool().backend_name == "system",
    reason="nothing to measure it by, or no pool",
)
def test_embed__hands_back_what_arrow_let_go_after_counting_and_after_every_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    encoder = Leaving(tmp_path / "encoder")
    store = Store.open(tmp_path / "store", create=True)
    monkeypatch.setattr(embed, "ENCODE_CHUNK", 2)
    texts = ["wall", "sky", "bed", "sea"]

    def within(id_range: text_id_ranges.TextIdRange) -> embed.Texts:
        leave()
        return texts_within(texts, id_range)

    def load(name: str) -> HashEncoder:
        encoder.resident.append(resident_mb())
        return encoder

    monkeypatch.setattr(embed, "load_encoder", load)
    leave()
    after = resident_mb()
    pa.default_memory_pool().release_unused()
    before = resident_mb()
    assert after - before > LEFT_MB / 2  # else it shows nothing
    wanted = WantedTexts(len(texts), within)
    embed_missing(store, encoder.record.model, wanted, lambda phase, done, total, note: None)
    counted, _, first_chunk = encoder.resident
    assert max(counted, first_chunk) - before < LEFT_MB / 2
