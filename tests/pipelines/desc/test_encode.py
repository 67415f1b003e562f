"""`encode` embeds each text once for each encoder, in chunks, and goes on where it ended."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from langseg.cache.bank.load_save import load_bank
from langseg.cache.errors import CorruptError, InputError, UsageError
from langseg.cache.keys import text_id
from langseg.cache.store import snapshot as snapshot_module
from langseg.cache.store import text_id_ranges
from langseg.cache.store.manifest import Part
from langseg.cache.store.parts import check_part
from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine
from langseg.descriptors.bank.build import bank_texts
from langseg.descriptors.encoders import embed
from langseg.descriptors.encoders.load import WEIGHTS, load_encoder
from langseg.descriptors.encoders.stored_vectors import stored_vectors
from langseg.descriptors.quality.assess import Assessor
from langseg.descriptors.vocabulary.source import EncodedSource, Source
from langseg.pipelines.desc.bank import run_bank
from langseg.pipelines.desc.encode import run_encode
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.desc.open_sets import open_sets
from tests.support.hash_encoder import HashEncoder
from tests.support.quiet import Quiet, no_bar
from tests.support.tiny_towers import clip_tower, siglip_tower

AGAIN = """
import sys
from pathlib import Path
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.encode import run_encode
report = run_encode(Source(dataset="camvid", store=Path(sys.argv[1])), "minilm", print)
print(report.embedded, "torch" in sys.modules)
"""


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("towers")
    return {
        "clip": f"clip:{clip_tower(folder / 'clip')}",
        "siglip": f"siglip:{siglip_tower(folder / 'siglip')}",
    }


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Three classes with descriptors, and no vector."""
    (tmp_path / "mine.txt").write_text("wall\nsky\nbed\n")
    given = {"classes": tmp_path / "mine.txt", "store": tmp_path / "store"}
    run_generate(DescribeConfig(**given), Quiet())
    return Source(**given)


def needed(source: Source) -> set[str]:
    chosen = open_sets(source).of(source.model)
    return {text_id(text) for text in bank_texts(chosen.vocabulary, chosen.phrases())}


def embedded(source: Source, encoder_id: str) -> list[str]:
    return Store.open(source.store).embeddings(encoder_id, ("text_id",))["text_id"].to_pylist()


@pytest.mark.slow
def test_encode__embeds_exactly_the_texts_of_the_bank(source: Source, towers: dict[str, str]):
    report = run_encode(source, towers["clip"], no_bar)
    found = embedded(source, report.encoder)
    assert len(found) == len(set(found)) == report.texts == report.embedded > 30
    assert set(found) == needed(source)
    assert run_encode(source, towers["clip"], no_bar).embedded == 0


@pytest.mark.slow
def test_encode__keeps_several_encoders_side_by_side_up_to_their_banks(
    source: Source, towers: dict[str, str]
):
    aligned = {}
    for name in (*towers.values(), "minilm"):
        report = run_encode(source, name, no_bar)
        assert report.embedded == report.texts
        bank = load_bank(run_bank(source, name).bank)
        assert bank.encoder_id == report.encoder
        aligned[name] = bank.image_aligned
        encoder = load_encoder(name, device="cpu")
        vectors, _ = encoder.encode(bank.texts[0])
        rows = bank.emb[0][bank.mask[0]].astype(np.float32)
        np.testing.assert_allclose(rows, vectors, atol=1e-3)  # float16
    assert aligned == {towers["clip"]: True, towers["siglip"]: True, "minilm": False}
    assert len(Store.open(source.store).encoders()) == 3
    assert not examine(source.store).problems


def tower(folder: Path) -> tuple[str, Path]:
    """A tower of its own to change: its name and its weights."""
    place = clip_tower(folder)
    return f"clip:{place}", place / WEIGHTS


def change(weights: Path) -> bytes:
    """One weight is another then. Returns: the file as it was."""
    before = weights.read_bytes()
    weights.write_bytes(before[:-4] + np.float32(0.5).tobytes())
    assert weights.read_bytes() != before
    return before


@pytest.mark.slow
def test_bank_and_audit__take_the_encoder_whose_weights_are_there_now(
    source: Source, tmp_path: Path
):
    name, weights = tower(tmp_path / "enc")
    encoded = EncodedSource(**source.model_dump(), encoder=name)

    def taken() -> set[str | None]:
        bank = load_bank(run_bank(source, name).bank)
        return {bank.encoder_id, Assessor(encoded, open_sets(encoded)).named().encoder_id}

    first = run_encode(source, name, no_bar).encoder
    before = change(weights)
    with pytest.raises(InputError, match=rf"has now, .*{first}.*langseg-desc encode --classes "):
        run_bank(source, name)
    assert Assessor(encoded, open_sets(encoded)).named().encoder_id == ""
    second = run_encode(source, name, no_bar).encoder
    assert second != first
    assert taken() == {second}
    weights.write_bytes(before)
    assert run_encode(source, name, no_bar).embedded == 0
    assert taken() == {first}


@pytest.mark.slow
def test_bank__without_the_weights_takes_the_one_encoder_of_that_name_and_never_one_of_two(
    source: Source, tmp_path: Path
):
    name, weights = tower(tmp_path / "enc")
    first = run_encode(source, name, no_bar).encoder
    before = change(weights)
    weights.unlink()
    assert load_bank(run_bank(source, name).bank).encoder_id == first
    weights.write_bytes(before)
    change(weights)
    second = run_encode(source, name, no_bar).encoder
    weights.unlink()
    with pytest.raises(UsageError, match=f"which of {first}, {second}|which of {second}, {first}"):
        run_bank(source, name)


@pytest.mark.slow
def test_encode_and_bank__name_the_next_command_for_the_same_vocabulary_store_and_encoder(
    source: Source, towers: dict[str, str], tmp_path: Path
):
    flags = f"--classes {source.classes} --store {source.store} --encoder {towers['clip']}"
    with pytest.raises(InputError, match=f"none; run `langseg-desc encode {flags}`"):
        run_bank(source, towers["clip"])
    sentence = run_encode(source, towers["clip"], no_bar).sentence
    assert sentence.endswith(f"; next: langseg-desc bank {flags}")
    spaced = tmp_path / "two rooms"
    source.store.rename(spaced)
    moved = source.model_copy(update={"store": spaced, "model": "bundled"})
    assert f"--store '{spaced}'" in run_encode(moved, towers["clip"], no_bar).sentence
    (tmp_path / "mine.txt").write_text("wall\nsky\nbed\nsea\n")
    run_generate(DescribeConfig(classes=source.classes, store=spaced), Quiet())
    with pytest.raises(InputError, match=r"no embedding .*encode --classes .* --store '.*--encod"):
        run_bank(Source(classes=source.classes, store=spaced), towers["clip"])


class Fails:
    """An encoder that is stopped after some calls; ``texts`` are those it was asked for."""

    def __init__(self, name: str, calls: int) -> None:
        self._encoder = load_encoder(name, device="cpu")
        self.record = self._encoder.record
        self.is_paid, self.tokens = False, None
        self.calls = calls
        self.texts: list[str] = []

    def encode(self, texts, on_piece):
        if not self.calls:
            raise KeyboardInterrupt
        self.calls -= 1
        self.texts += texts
        return self._encoder.encode(texts, on_piece)


@pytest.mark.slow
def test_encode__that_is_stopped_embeds_only_the_chunk_in_hand_again(
    source: Source, towers: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(embed, "ENCODE_CHUNK", 7)
    first, second = Fails(towers["clip"], 3), Fails(towers["clip"], 10_000)
    monkeypatch.setattr(embed, "load_encoder", lambda name: first)
    with pytest.raises(KeyboardInterrupt):
        run_encode(source, towers["clip"], no_bar)
    assert sorted(map(text_id, first.texts)) == sorted(embedded(source, first.record.encoder_id))
    assert len(first.texts) == 3 * 7  # all that was encoded is kept
    monkeypatch.setattr(embed, "load_encoder", lambda name: second)
    steps: list[tuple[int, int]] = []
    phases: list[str] = []

    def advance(done: int, total: int, note: str = "", phase: str = "", mark: bool = False) -> None:
        steps.append((done, total))
        phases.append(phase)

    run_encode(source, towers["clip"], advance)
    assert dict.fromkeys(phases) == dict.fromkeys([f"loading {towers['clip']}", "embedding"])
    assert {text_id(t) for t in first.texts + second.texts} == needed(source)
    assert len(first.texts) + len(second.texts) == len(needed(source))  # none of them twice
    assert steps[-1] == (len(second.texts), len(second.texts))
    assert all(later[0] - earlier[0] <= 7 for earlier, later in zip(steps, steps[1:], strict=False))


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few texts in a range that every store here has several, and chunks of seven."""
    monkeypatch.setattr(text_id_ranges, "RANGE_TEXTS", 20)
    monkeypatch.setattr(embed, "ENCODE_CHUNK", 7)


def hashed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> HashEncoder:
    """The encoder that is loaded by the name of its folder."""
    encoder = HashEncoder(folder)
    monkeypatch.setattr(embed, "load_encoder", lambda name: encoder)
    return encoder


def vectors_of(source: Source, encoder: HashEncoder) -> dict[str, np.ndarray]:
    store = Store.open(source.store)
    texts = store.table("texts", ("text",))["text"].to_pylist()  # all of them
    return stored_vectors(store, encoder.record, texts)


def words_of(source: Source) -> dict[str, str]:
    table = Store.open(source.store).table("texts")
    return dict(zip(table["text_id"].to_pylist(), table["text"].to_pylist(), strict=True))


@pytest.mark.slow
@pytest.mark.usefixtures("small_ranges")
def test_encode__in_many_ranges_gives_each_text_once_and_its_own_vector(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    encoder = hashed(tmp_path / "encoder", monkeypatch)
    report = run_encode(source, str(tmp_path / "encoder"), no_bar)
    found = embedded(source, report.encoder)
    assert set(found) == needed(source)
    assert len(found) == len(set(found)) == report.texts == report.embedded > 60
    for key, vector in vectors_of(source, encoder).items():
        expected = encoder.vector(words_of(source)[key]).astype(np.float16)
        assert np.array_equal(vector, expected)
    assert run_encode(source, str(tmp_path / "encoder"), no_bar).embedded == 0
    assert not examine(source.store).problems


@pytest.mark.slow
@pytest.mark.usefixtures("small_ranges")
def test_encode__leaves_the_texts_of_other_vocabularies_and_encoders_alone(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "other.txt").write_text("lamp\nsea\nsky\n")
    other = Source(classes=tmp_path / "other.txt", store=source.store)
    run_generate(DescribeConfig(classes=other.classes, store=other.store), Quiet())
    first = hashed(tmp_path / "first", monkeypatch)
    run_encode(source, str(tmp_path / "first"), no_bar)
    assert set(vectors_of(source, first)) == needed(source) != needed(other)
    second = hashed(tmp_path / "second", monkeypatch)
    run_encode(other, str(tmp_path / "second"), no_bar)
    assert set(vectors_of(source, first)) == needed(source)
    assert set(vectors_of(source, second)) == needed(other)
    hashed(tmp_path / "first", monkeypatch)
    report = run_encode(other, str(tmp_path / "first"), no_bar)
    assert report.embedded == len(needed(other) - needed(source)) < report.texts


@pytest.mark.slow
@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("in_a_chunk", [True, False])
def test_encode__killed_goes_on_where_it_was(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_a_chunk: bool
):
    encoder_id = HashEncoder(tmp_path / "encoder").record.encoder_id
    for kill in (1, 4):  # chunks after which the process dies
        before = 0 if kill == 1 else len(embedded(source, encoder_id))
        command = [
            sys.executable,
            "-m",
            "tests.support.killed_encode",
            str(tmp_path),
            str(kill),
            str(in_a_chunk),
        ]
        assert subprocess.run(command).returncode == -signal.SIGKILL
        now = embedded(source, encoder_id)
        assert len(now) == len(set(now)) > before
        assert len(now) - before <= 7 * kill
    hashed(tmp_path / "encoder", monkeypatch)
    report = run_encode(source, str(tmp_path / "encoder"), no_bar)
    assert report.embedded == len(needed(source) - set(now))
    found = embedded(source, encoder_id)
    assert set(found) == needed(source)
    assert len(found) == len(set(found))


@pytest.mark.slow
def test_encode__hashes_each_part_once_however_many_ranges_there_are(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_ranges: None
):
    read: list[str] = []

    def counted(root: Path, part: Part) -> None:
        read.append(part.path)
        check_part(root, part)

    monkeypatch.setattr(snapshot_module, "check_part", counted)
    hashed(tmp_path / "encoder", monkeypatch)
    run_encode(source, str(tmp_path / "encoder"), no_bar)
    assert len(read) == len(set(read)) > 4


@pytest.mark.slow
@pytest.mark.parametrize("table", ["descriptors", "texts"])
def test_encode__of_a_damaged_part_embeds_nothing(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
):
    path = Store.open(source.store).manifest.tables[table][0].path
    data = bytearray((source.store / path).read_bytes())
    data[len(data) // 2] ^= 1
    (source.store / path).write_bytes(data)
    encoder = hashed(tmp_path / "encoder", monkeypatch)
    with pytest.raises(CorruptError, match=path):
        run_encode(source, str(tmp_path / "encoder"), no_bar)
    assert encoder.record.encoder_id not in Store.open(source.store).encoders()


@pytest.mark.slow
def test_encode__with_nothing_to_do_loads_no_encoder(tmp_path: Path):
    store = tmp_path / "store"
    run_generate(DescribeConfig(dataset="camvid", store=store), Quiet())
    source = Source(dataset="camvid", store=store)
    assert run_encode(source, "minilm", no_bar).embedded > 100
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, str(store)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "False"]
    assert open_sets(source).of(source.model).selection.model == "bundled"
