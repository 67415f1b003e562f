"""`langseg-seg explain` from a picture to rows that lead back to the prompts and replies."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.bank import run_bank
from langseg.pipelines.desc.encode import run_encode
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.seg.demo_data import run_demo_data
from tests.support.quiet import Quiet, no_bar

pytestmark = pytest.mark.slow

SEG, DESC = "langseg-seg", "langseg-desc"
QUICK = """
backbone: demo
training:
  {steps: 30, batch_size: 2, crop: 64, feature_side: 64, warmup_steps: 1, head: {hidden: 64}}
"""


@dataclass(frozen=True)
class Home:
    store: Path
    run: Path
    picture: Path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, hash_encoder: str) -> Home:
    """The phrases that ship, in a store, and a model trained on them for some steps."""
    from langseg.pipelines.seg.settings import train_settings
    from langseg.pipelines.seg.train import run_train

    home = tmp_path_factory.mktemp("home")
    store = home / "store"
    for dataset in ("ade20k", "coco-stuff"):  # of which some classes have the same names
        run_generate(DescribeConfig(dataset=dataset, store=store), Quiet())
    source = Source(dataset="ade20k", store=store)
    run_encode(source, hash_encoder, no_bar)
    run_bank(source, hash_encoder)
    (home / "quick.yaml").write_text(QUICK)
    run_demo_data(home / "data", 3, 8, 4, (96, 64), no_bar)
    flags = {"data": home / "data", "store": store, "out": home / "run"}
    run_train(train_settings(str(home / "quick.yaml"), flags), no_bar)
    return Home(store, home / "run", sorted((home / "data/images/validation").iterdir())[0])


def test_explain__says_what_won_each_region_in_a_picture_in_words_and_in_json(call, home, tmp_path):
    flags = ("explain", "--checkpoint", home.run, "--out", tmp_path, home.picture)
    report = call(SEG, *flags, "--json").json
    with Image.open(tmp_path / home.picture.with_suffix(".png").name) as drawn:
        assert drawn.width >= 960
    first = report["regions"][0]
    assert first["number"] == 1
    assert first["share"] == max(region["share"] for region in report["regions"])
    assert len(first["phrases"]) <= 3
    assert report["explained"] == pytest.approx(sum(one["share"] for one in report["regions"]))
    done = call(SEG, *flags)
    assert f"1  {first['class_name']} over {first['runner_up']} by " in done.err
    assert "scene: " in done.err
    assert f"'{first['phrases'][0]['text']}'" in done.err
    assert not (tmp_path / f"overlay_{home.picture.stem}.png").exists()


def test_explain__has_rows_that_sql_follows_to_the_prompt_and_the_reply(call, home, tmp_path):
    call(SEG, "explain", "--checkpoint", home.run, "--out", tmp_path, home.picture)
    question = (
        "select distinct e.region, e.phrase, position(e.phrase in r.raw_text) > 0, "
        "position(e.class_name in q.messages_json) > 0 "
        "from explained e join classes c using (vocabulary, class_name) "
        "join descriptors d using (text_id, class_name) "
        "join requests q using (request_key, model, sense) join responses r using (request_key) "
        "where e.slot <> 'name' and e.region = 1"
    )
    done = call(DESC, "sql", "--store", home.store, "--results", tmp_path, "--json", question)
    rows = pq.read_table(tmp_path / "explained.parquet").to_pylist()
    phrases = {row["phrase"] for row in rows if row["region"] == 1 and row["slot"] != "name"}
    assert {phrase for _, phrase, *_ in done.json["rows"]} == phrases
    assert all(said and asked for *_, said, asked in done.json["rows"])
    ranks = [row["rank"] for row in rows if row["region"] == 1]
    assert ranks == list(range(len(ranks)))
    margins = [row["phrase_margin"] for row in rows if row["region"] == 1]
    assert margins == sorted(margins, reverse=True)


def test_explain__asks_again_without_a_class_and_without_a_phrase(call, home, tmp_path):
    flags = ("explain", "--checkpoint", home.run, "--out", tmp_path, home.picture, "--json")
    first = call(SEG, *flags).json["regions"][0]
    without = call(SEG, *flags, "--without-class", first["class_name"]).json["without"]
    assert without["changed"] >= first["share"]
    assert without["regions"]["1"] == 1
    assert without["shares"][first["class_name"]][1] == 0
    with Image.open(without["overlay"]) as both:
        assert both.width > both.height
    phrase = first["phrases"][0]["text"]
    got = call(SEG, *flags, "--without-phrase", phrase).json["without"]
    assert got["phrases"] == [phrase]
    assert 0 <= got["changed"] < 1


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        (("--without-class", "moon"), 2, "without class 'moon': wanted a class of the bank"),
        (("--without-phrase", "no such"), 2, "word for word"),
        (("--without-scene", "kitchen", "--scene", "kitchen"), 2, "not told with --scene"),
        (("--scene", "moon base"), 2, "moon base"),
        (("--without-class", "wal"), 2, "did you mean 'wall'?"),
    ],
)
def test_explain__refuses_what_is_not_there(call, home, tmp_path, flags, code, told):
    flags = ("explain", "--checkpoint", home.run, "--out", tmp_path / "new", *flags, home.picture)
    done = call(SEG, *flags)
    assert (done.code, told in done.err) == (code, True), done.err
    assert not (tmp_path / "new").exists()


def test_explain__takes_one_picture_and_never_writes_over_it(call, home, tmp_path):
    flags = ("explain", "--checkpoint", home.run, "--out")
    several = call(SEG, *flags, tmp_path, home.picture.parent)
    assert (several.code, "wanted one picture" in several.err) == (2, True)
    picture = tmp_path / "photo.png"
    with Image.open(home.picture) as opened:
        opened.save(picture)
    before = picture.read_bytes()
    assert call(SEG, *flags, tmp_path, picture).code == 2
    assert picture.read_bytes() == before
    missing = call(SEG, *flags, tmp_path, tmp_path / "none.jpg")
    assert (missing.code, "Traceback" in missing.err) == (3, False)
