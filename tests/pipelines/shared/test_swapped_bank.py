"""Other words for a trained head: what a store makes of them, and what is said about it."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from langseg.cache.bank.load_save import load_bank
from langseg.cache.bank.rules import check_bank
from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import InputError, UsageError
from langseg.cache.store.store import Store
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.bank import run_bank
from langseg.pipelines.desc.encode import run_encode
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.shared.swapped_bank import bank_for
from tests.support.quiet import Quiet, no_bar

DESCRIBED = ("camvid", "cityscapes")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory, hash_encoder: str) -> Path:
    """A store that describes CamVid's classes and Cityscapes', with vectors of CamVid's."""
    store = tmp_path_factory.mktemp("described") / "store"
    for dataset in DESCRIBED:
        run_generate(DescribeConfig(dataset=dataset, store=store), Quiet())
    run_encode(Source(dataset="camvid", store=store), hash_encoder, no_bar)
    return store


@pytest.fixture
def store(described: Path, tmp_path: Path) -> Path:
    shutil.copytree(described, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture(scope="module")
def trained(described: Path, hash_encoder: str) -> TextBank:
    return load_bank(run_bank(Source(dataset="camvid", store=described), hash_encoder).bank)


def row(bank: TextBank, name: str) -> tuple[str, ...]:
    return bank.texts[bank.names.index(name)]


def test_bank_for__the_heads_own_words_says_what_its_own_bank_says(store, trained):
    found = bank_for("camvid", trained, store, no_bar)
    assert found.notes == ("asked with camvid's 11 classes, trained on camvid's 11",)
    assert found.bank.fingerprint == trained.fingerprint
    assert (found.bank.emb == trained.emb).all()


def test_bank_for__words_alone_mean_the_heads_classes_and_have_their_phrases(store, trained):
    """Both datasets have a sky and a car."""
    found = bank_for(["car", "sky"], trained, store, no_bar)
    check_bank(found.bank)
    assert (found.bank.names, found.bank.ids) == (("car", "sky"), (1, 2))
    assert row(found.bank, "sky") == row(trained, "sky")
    assert row(found.bank, "car") == row(trained, "car")
    assert found.bank.encoder_id == trained.encoder_id
    assert found.bank.scenes == trained.scenes
    assert found.notes == (
        "asked with 2 classes (car, sky), trained on camvid's 11",
        "as camvid means them: car, sky",
    )


def test_bank_for__a_synonym_finds_its_class_and_keeps_the_name_that_was_asked(store, trained):
    """CamVid says bicyclist, and that others say cyclist."""
    found = bank_for("cyclist , road", trained, store, no_bar)
    assert found.bank.names == ("cyclist", "road")
    assert row(found.bank, "cyclist") == row(trained, "bicyclist")
    assert found.notes[1] == "as camvid means them: cyclist (bicyclist), road"


def test_bank_for__a_word_that_another_dataset_alone_describes_is_found_there(
    store, trained, hash_encoder, capsys
):
    embedded = Store.open(store).manifest
    found = bank_for(["rider", "sky"], trained, store, no_bar)
    assert len(row(found.bank, "rider")) > 5
    assert "as cityscapes means it: rider" in found.notes
    assert f"no vector yet: {hash_encoder} embeds" in capsys.readouterr().err
    assert Store.open(store).manifest != embedded  # once: what was embedded is kept
    again = bank_for(["rider", "sky"], trained, store, no_bar)
    assert (again.bank.emb == found.bank.emb).all()
    assert capsys.readouterr().err == ""


def test_bank_for__a_word_that_nobody_described_has_its_name_and_is_named(store, trained):
    found = bank_for(["unicorn", "sky"], trained, store, no_bar)
    assert row(found.bank, "unicorn") == ("unicorn",)
    assert "no phrases of unicorn, only the names" in found.notes[-1]
    assert "langseg-desc generate --classes" in found.notes[-1]


def test_bank_for__only_words_that_nobody_described_is_a_bank_too(store, trained):
    found = bank_for(["unicorn", "dragon"], trained, store, no_bar)
    assert found.bank.texts == (("unicorn",), ("dragon",))


def test_bank_for__of_several_classes_of_one_name_none_is_taken_where_none_is_likelier(
    store, trained
):
    elsewhere = replace(trained, vocabulary="somebody's")
    found = bank_for(["car", "unicorn"], elsewhere, store, no_bar)
    assert row(found.bank, "car") == ("car",)
    assert "car: the store describes 2 classes of that name (camvid's car, " in found.notes[1]


def test_bank_for__a_class_with_a_definition_means_just_itself(store, trained, tmp_path):
    (tmp_path / "mine.csv").write_text("name,definition\nsky,a pub of that name\ncar,\n")
    found = bank_for(tmp_path / "mine.csv", trained, store, no_bar)
    assert row(found.bank, "sky") == ("sky",)
    assert row(found.bank, "car") == row(trained, "car")
    assert "as camvid means it: car" in found.notes


def test_bank_for__two_words_for_one_class_are_no_two_of_it(store, trained):
    found = bank_for(["cyclist", "bicyclist"], trained, store, no_bar)
    assert row(found.bank, "cyclist") == ("cyclist",)
    assert row(found.bank, "bicyclist") == row(trained, "bicyclist")


def test_bank_for__a_vocabulary_that_ships_and_is_not_described_says_how_it_would_be(
    store, trained
):
    note = bank_for("pascal-voc", trained, store, no_bar).notes[-1]
    assert f"`langseg-desc generate --dataset pascal-voc --store {store}`" in note


def test_bank_for__refuses_a_store_without_the_heads_text_encoder(store, trained):
    other = replace(trained, encoder_id="clip-of-somebody-0123")
    with pytest.raises(UsageError, match="wanted vectors of clip-of-somebody-0123, the text enc"):
        bank_for(["sky", "car"], other, store, no_bar)


def test_bank_for__refuses_other_weights_under_the_encoders_name(
    store, trained, hash_encoder, monkeypatch
):
    weights = Path(hash_encoder) / "model.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(b"others")
    try:
        with pytest.raises(UsageError, match="wanted the weights that the head was trained with"):
            bank_for(["unicorn", "car"], trained, store, no_bar)
        assert bank_for(["car", "sky"], trained, store, no_bar).bank.names == ("car", "sky")
    finally:
        weights.write_bytes(before)


def test_bank_for__wants_a_store_and_a_list(tmp_path, store, trained):
    with pytest.raises(InputError, match="no store is here"):
        bank_for(["sky", "car"], trained, tmp_path / "gone", no_bar)
    with pytest.raises(InputError, match="gone.txt"):
        bank_for("gone.txt", trained, store, no_bar)


def test_bank_for__one_class_is_no_classes(store, trained):
    assert bank_for(["car"], trained, store, no_bar).notes[0].startswith("asked with 1 class (car)")


def test_bank_for__keeps_no_bank(store, trained):
    before = sorted((store / "banks").iterdir())
    bank_for(["unicorn", "car"], trained, store, no_bar)
    assert sorted((store / "banks").iterdir()) == before
    assert np.isfinite(trained.emb).all()
