"""The audit of a vocabulary: its numbers, its questions, and its page."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from langseg.cache.errors import InputError
from langseg.cache.store.store import Store
from langseg.descriptors.bank import stored_set
from langseg.descriptors.bank.select import Selection, select_answers
from langseg.descriptors.encoders import stored_vectors
from langseg.descriptors.encoders.load import load_encoder
from langseg.descriptors.encoders.stored_vectors import open_vectors
from langseg.descriptors.quality.assess import Assessor, SetQuality
from langseg.descriptors.quality.flags import Flag
from langseg.descriptors.vocabulary.source import EncodedSource
from langseg.pipelines.desc.audit import audit_page, run_audit
from langseg.pipelines.desc.encode import run_encode
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.desc.import_set import ImportConfig, run_import
from langseg.pipelines.desc.open_sets import open_sets
from langseg.pipelines.desc.quality_report import quality_report
from langseg.pipelines.desc.standing_questions import questions
from langseg.pipelines.pages.audit_tables import set_rows
from langseg.pipelines.shared.audit_report import DiscriminabilityReport, QualityReport
from tests.support.quiet import Quiet, no_bar

pytestmark = pytest.mark.slow

DESC = "langseg-desc"
OTHERS = {
    "car": ["shiny metal doors with windows", "four rubber tyres on the road", "a smell of petrol"],
    "sky": ["white clouds on blue", "bright blue above the roofs"],
    "tree": ["green leaves on branches"],
}
HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(2)>" style=\'x\' \u202e{{ 7 * 7 }}'


def assessor(source: EncodedSource) -> Assessor:
    return Assessor(source, open_sets(source))


def assessed(source: EncodedSource) -> SetQuality:
    return assessor(source).named()


def measured(report: QualityReport) -> DiscriminabilityReport:
    assert report.discriminability is not None
    return report.discriminability


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled answers of camvid with their vectors, and those of a sofa without."""
    folder = tmp_path_factory.mktemp("audit")
    (folder / "sofa.txt").write_text("sofa\nbed\n")
    for named in ({"dataset": "camvid"}, {"classes": folder / "sofa.txt"}):
        run_generate(DescribeConfig(store=folder / "store", **named), Quiet())
        if "dataset" in named:
            run_encode(camvid(folder / "store"), "minilm", no_bar)
    return folder / "store"


def camvid(store: Path, model: str = "") -> EncodedSource:
    return EncodedSource(dataset="camvid", store=store, model=model)


@pytest.fixture(scope="module")
def compared(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store with two imported sets more, of which the second has no vectors."""
    copied = tmp_path_factory.mktemp("compared") / "store"
    shutil.copytree(store, copied)
    file = copied.parent / "others.json"
    for name, classes in (("others", OTHERS), ("bare", {"car": ["four rubber tyres"]})):
        file.write_text(json.dumps(classes))
        imported = ImportConfig(dataset="camvid", store=copied, file=file, model=name)
        run_import(imported)
    run_encode(camvid(copied, "import:others"), "minilm", no_bar)
    return copied


def test_quality__of_the_bundled_camvid_is_beyond_chance_and_without_flags(store):
    report = quality_report(assessed(camvid(store)))
    found = measured(report)
    assert report.flags == ()
    assert found.interval[0] > found.dealt + 0.1
    assert found.score > found.chance
    assert report.classes[0].class_name == "sky"
    assert report.classes[0].by_name is not None
    assert 0 <= report.classes[0].by_name <= 1
    assert "discriminability" in report.sentence


def test_quality__without_vectors_still_flags_and_says_what_is_missing(store):
    source = EncodedSource(dataset="camvid", store=store, encoder="other/encoder")
    report = quality_report(assessed(source))
    assert report.discriminability is None
    assert "langseg-desc encode" in report.sentence
    assert report.flag_counts["empty"] == 0


BY_VECTORS = ["near_duplicate", "truncated", "wrong_sense"]


def test_flags__that_need_vectors_have_no_count_without_them(call, store, tmp_path):
    flags = ("audit", "--store", store, "--classes", store.parent / "sofa.txt")
    report = call(DESC, *flags, "--json").json["quality"]
    assert report["not_measured"] == BY_VECTORS
    assert [report["flag_counts"][reason] for reason in BY_VECTORS] == [None] * 3
    assert report["flag_counts"]["duplicate"] == 0
    assert "not measured: near_duplicate, truncated, wrong_sense" in report["sentence"]
    assert report["sets"][0]["not_measured"] == BY_VECTORS
    shown = call(DESC, *flags).out
    assert all(re.search(rf"{reason} .*not measured", shown) for reason in BY_VECTORS)
    call(DESC, *flags, "--html", tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text()
    assert page.count('<td class="number">not measured</td>') == 3
    assert "flags, 3 rules not measured" in page


def test_flags__are_counted_where_they_were_looked_for(store, compared):
    assert quality_report(assessed(camvid(store))).not_measured == ()
    few = quality_report(assessed(camvid(compared, "import:others")))  # of three classes
    assert (few.not_measured, few.flag_counts["near_duplicate"]) == (("wrong_sense",), 0)


@pytest.fixture
def named(compared: Path, tmp_path: Path) -> EncodedSource:
    """A set as published, all of whose phrases hold their class's name, with its vectors."""
    copied = tmp_path / "store"
    shutil.copytree(compared, copied)
    file = tmp_path / "cupl.json"
    phrases = {"car": ["A car has four wheels and doors.", "A car."], "sky": ["The sky is blue."]}
    file.write_text(json.dumps(phrases))
    imported = ImportConfig(dataset="camvid", store=copied, file=file, as_published=True)
    source = camvid(copied, run_import(imported).model)
    run_encode(source, "minilm", no_bar)
    return source


def test_names__in_phrases_are_masked_and_the_phrases_measured(named):
    quality = assessed(named)
    report = quality_report(quality)
    assert (quality.masked, measured(report).phrases) == (2, 2)  # not "A car."
    assert measured(report).score == 0.5
    assert report.sets[0].masked_phrases == 2
    assert quality.fit is not None
    encoder = load_encoder("minilm", device="cpu")
    wanted = encoder.encode(["it has four wheels and doors.", "it is blue."])[0]
    shown = {tuple(row) for row in wanted.astype(np.float16)}
    assert {tuple(row) for row in quality.fit[0]} == shown


def test_names__in_phrases_cannot_be_masked_without_an_encoder(named, monkeypatch):
    def refused(name: str, device: str | None = None) -> None:
        raise InputError(f"{name} is not here")

    monkeypatch.setattr(stored_vectors, "load_encoder", refused)
    report = quality_report(assessed(named))
    assert measured(report).phrases == 0
    assert report.why_not == (
        "2 phrases that hold their class's name are left out: minilm is not here"
    )


def test_quality__says_how_many_phrases_have_no_vector_yet(store):
    source = EncodedSource(classes=store.parent / "sofa.txt", store=store)
    report = quality_report(assessed(source))
    count = sum(row.phrases for row in report.classes)
    assert f"{count} phrases have no vector yet;" in report.why_not
    assert measured(report).classes == 0
    assert f"not measured, as {report.why_not}" in report.sentence


def test_quality__says_what_descriptors_add_to_names(store):
    report = quality_report(assessed(camvid(store)))
    found = measured(report)
    assert found.gain_over_names == pytest.approx(found.by_both - found.by_name_there, abs=1e-6)
    assert found.gain_interval[0] < found.gain_over_names < found.gain_interval[1]
    assert (found.classes_there, found.look_alikes_there) == (11, 5)
    assert "by name and the other phrases" in report.sentence


@pytest.fixture
def defined(tmp_path: Path) -> list[EncodedSource]:
    """The same phrases for the same classes, without definitions and with those of others."""
    (tmp_path / "own.json").write_text(json.dumps(OTHERS))
    sources = []
    for name in ("plain", "explained"):
        listed = [
            {"name": c} | ({"definition": "; ".join(phrases)} if name == "explained" else {})
            for c, phrases in zip(OTHERS, reversed(OTHERS.values()), strict=True)
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps(listed))
        named = {"classes": tmp_path / f"{name}.json", "store": tmp_path / name}
        imported = run_import(ImportConfig(file=tmp_path / "own.json", **named))
        sources.append(EncodedSource(model=imported.model, **named))
        run_encode(sources[-1], "minilm", no_bar)
    return sources


def test_score__is_by_what_classes_are_called_and_by_no_definition(defined):
    plain, explained = (measured(quality_report(assessed(one))) for one in defined)
    assert (plain.score, plain.by_both) == (explained.score, explained.by_both)
    assert plain.by_meaning is None
    assert explained.by_meaning is not None
    assert explained.by_meaning < explained.score


def test_score__by_meaning_stands_beside_it_under_its_own_label(call, store, tmp_path):
    flags = ("audit", "--store", store, "--dataset", "camvid")
    found = call(DESC, *flags, "--json").json["quality"]["discriminability"]
    low, high = found["by_meaning_interval"]
    assert low < found["by_meaning"] < high
    call(DESC, *flags, "--html", tmp_path / "a.html")
    for text in (call(DESC, *flags).out, (tmp_path / "a.html").read_text()):
        assert re.search("by meaning: name, synonyms and the vocabulary(.|&#39;)s definition", text)


def test_quality__covers_slots_and_scenes_and_names_the_pairs_of_each_class(store):
    report = quality_report(assessed(camvid(store)))
    assert report.coverage.described == 11
    assert report.coverage.slots["shape"] == 11
    assert report.coverage.pairs <= report.coverage.plausible_pairs
    rows = {row.class_name: row for row in report.classes}
    assert {len(set(row.look_alikes) - {name}) for name, row in rows.items()} == {5}
    for one, other, _ in report.weak_pairs:
        assert other in rows[one].not_told_from
        assert one in rows[other].not_told_from


def test_sets__are_compared_over_the_classes_both_describe(compared):
    asking = assessor(camvid(compared))
    mine, bare, others = quality_report(asking.named(), asking).sets
    assert (mine.model, mine.classes, mine.paired) == ("bundled", 11, None)
    assert (others.model, others.classes) == ("import:others", 3)
    pair = others.paired
    assert pair is not None
    assert sorted(pair.classes) == ["car", "sky", "tree"]
    assert pair.difference == pytest.approx(pair.score - pair.assessed_score, abs=1e-6)
    assert all(map(np.isnan, pair.interval))  # three classes are too few
    assert (bare.paired, bare.measured_classes) == (None, 0)
    assert bare.why_not == (
        "1 phrase has no vector yet; run `langseg-desc encode --dataset camvid "
        f"--store {compared} --model import:bare`"
    )


def test_sets__without_vectors_have_a_reason_and_no_number(compared):
    asking = assessor(camvid(compared))
    bare = set_rows(quality_report(asking.named(), asking).sets)[1]
    assert bare[4].startswith("1 phrase has no vector yet; run")
    assert bare[4].endswith("--model import:bare`")  # and not "over 0"


def test_sets__are_encoded_by_the_command_that_is_named(call, compared, tmp_path):
    copied = tmp_path / "a store"
    shutil.copytree(compared, copied)
    source = camvid(copied, "import:bare")
    command = re.search("`(.*)`", quality_report(assessed(source)).why_not)
    assert command is not None
    program, *arguments = shlex.split(command[1])
    assert call(program, *arguments).code == 0
    assert quality_report(assessed(source)).why_not == ""


def test_sets__of_others_are_shown_where_the_assessed_one_is_not_measured(call, compared, tmp_path):
    flags = ("audit", "--store", compared, "--dataset", "camvid", "--model", "import:bare")
    assert "import:others" in call(DESC, *flags).out.partition("Which sets of camvid")[2]
    for name, more in (("bare", ()), ("unread", ("--encoder", "other/encoder"))):
        call(DESC, *flags, *more, "--html", tmp_path / name)
        sets = (tmp_path / name).read_text().partition(">Which sets of camvid")[2]
        assert "others</td>" in sets


def test_vectors__of_other_vocabularies_are_not_held(compared):
    store = Store.open(compared)
    before = pa.total_allocated_bytes()
    stored = open_vectors(store, "minilm")
    assert stored is not None
    has, vectors, cut = stored.find(["four rubber tyres on the road", "no such phrase"])
    assert (has.tolist(), vectors.shape, cut) == ([True, False], (1, 384), [False])
    assert pa.total_allocated_bytes() - before < 2 * vectors.nbytes
    assert sum(part.rows for part in store.manifest.embeddings[stored.record.encoder_id]) > 100


def test_sets__turned_about_differ_by_the_same(compared):
    pairs = {}
    for model, other in (("bundled", "import:others"), ("import:others", "bundled")):
        asking = assessor(camvid(compared, model))
        rows = {row.model: row for row in quality_report(asking.named(), asking).sets}
        pairs[model] = rows[other].paired
    there, back = pairs.values()
    assert there is not None
    assert back is not None
    assert there.difference == pytest.approx(-back.difference)
    assert there.classes == back.classes


def test_sets__stand_in_the_terminal_the_json_and_the_page(call, compared, tmp_path):
    flags = ("audit", "--store", compared, "--dataset", "camvid")
    shown = call(DESC, *flags).out
    sets = call(DESC, *flags, "--json").json["quality"]["sets"]
    call(DESC, *flags, "--html", tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text().replace("<wbr>", "")
    assert [row["model"] for row in sets] == ["bundled", "import:bare", "import:others"]
    for note in (
        "bundled (assessed)",
        "import:others",
        "discriminability: by its name and synonyms",
        "by its name, synonyms and the other phrases",
        "baseline: ",
        "tried against",
        "too few classes for an interval",
        "points",
        "1 phrase has no vector yet; run",
    ):
        assert note in shown, note
        assert note in page, note


def test_audit__of_what_was_embedded_loads_no_encoder(compared, monkeypatch):
    before = quality_report(assessed(camvid(compared))).discriminability

    def refused(name: str, device: str | None = None) -> None:
        raise AssertionError(f"{name} was loaded")

    monkeypatch.setattr(stored_vectors, "load_encoder", refused)
    assert quality_report(assessed(camvid(compared))).discriminability == before


def test_quality__is_the_same_wherever_the_meanings_come_from(store, compared):
    here, there = (quality_report(assessed(camvid(one))) for one in (store, compared))
    assert here.discriminability == there.discriminability


def test_audit__writes_nothing(call, compared):
    before = {path: path.stat().st_mtime_ns for path in compared.rglob("*")}
    call(DESC, "audit", "--store", compared, "--dataset", "camvid")
    assert {path: path.stat().st_mtime_ns for path in compared.rglob("*")} == before


def test_audit__of_a_vocabulary_nobody_answered_about_is_refused(call, store, tmp_path):
    (tmp_path / "other.txt").write_text("flux capacitor\n")
    for named in (("--dataset", "pascal-voc"), ("--classes", tmp_path / "other.txt")):
        for more in ((), ("--question", "spend"), ("--html", tmp_path / "page.html")):
            refused = call(DESC, "audit", "--store", store, *named, *more)
            assert refused.code == 3
            command = f"run `langseg-desc generate {named[0]} {named[1]} --store {store}`"
            assert f"the store has no accepted answer; {command}" in refused.err


def test_audit__of_a_model_that_never_answered_names_those_that_did(call, compared):
    flags = ("audit", "--store", compared, "--model", "bundeld")
    for more in ((), ("--question", "spend")):
        refused = call(DESC, *flags, "--dataset", "camvid", *more)
        assert (refused.code, refused.out) == (3, "")
        assert "no accepted answer of 'bundeld'" in refused.err
        assert (
            "(it has some of bundled, import:bare, import:others: give one as --model)"
            in refused.err
        )
    refused = call(DESC, *flags)  # of ade20k
    assert (refused.code, "say which vocabulary is meant: --dataset camvid" in refused.err) == (
        3,
        True,
    )
    assert "some of" not in refused.err


def test_page__of_no_vocabulary_in_particular_names_those_the_store_has(call, store, tmp_path):
    refused = call(DESC, "audit", "--store", store, "--html", tmp_path / "a.html")
    assert refused.code == 3
    assert "vocabulary ade20k: the store has no accepted answer" in refused.err
    assert "--dataset camvid or --classes FILE" in refused.err
    assert not (tmp_path / "a.html").exists()


def test_audit__selects_the_answers_of_a_set_once(store, monkeypatch):
    selected = []

    def counted(*args: Any, **named: Any) -> Selection:
        selected.append(args)
        return found(*args, **named)

    found = select_answers
    monkeypatch.setattr(stored_set, "select_answers", counted)
    report = run_audit(camvid(store))
    assert len(selected) == 1
    assert report.missing == []


def test_audit__lists_its_questions_and_answers_one(call, store):
    listed = call(DESC, "audit", "--list").out
    assert all(name in listed for name, _ in questions())
    report = call(DESC, "audit", "--store", store, "--question", "spend", "--json").json
    assert [answer["name"] for answer in report["answers"]] == ["spend"]
    refused = call(DESC, "audit", "--store", store, "--question", "spent")
    assert (refused.code, "did you mean spend?" in refused.err) == (2, True)


def test_audit__prints_the_short_set_and_the_numbers(call, store):
    done = call(DESC, "audit", "--store", store, "--dataset", "camvid")
    assert "11 classes" in done.err
    assert "discriminability" in done.err
    assert "Who wrote the descriptors" in done.out
    assert "What did each run ask" not in done.out
    whole = call(DESC, "audit", "--store", store, "--dataset", "camvid", "--json").json
    assert len(whole["answers"]) == len(questions())
    assert whole["quality"]["discriminability"]["classes"] == 11


class Seen(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.texts.append(data)


def test_page__stands_alone_without_script_or_address(call, store, tmp_path):
    done = call(
        DESC, "audit", "--store", store, "--dataset", "camvid", "--html", tmp_path / "a.html"
    )
    assert (done.code, done.out.strip()) == (0, str(tmp_path / "a.html"))
    page = (tmp_path / "a.html").read_text()
    seen = Seen(page)
    assert not seen.tags & {"script", "img", "link", "iframe", "object", "base", "form"}
    links = re.findall(r'href="([^"]*)', page)
    assert links
    assert all(f'id="{link[1:]}"' in page for link in links)  # to its own sections only
    assert not {name for name in seen.attributes if name.startswith("on")} - {"open"}
    assert not re.search(r"https?:|url\(|@import", page)
    assert "default-src 'none'" in page
    for heading in ("Discriminability", "Worst classes", "Flags", "Which classes are alike"):
        assert f">{heading}</h2>" in page
    assert "prefers-color-scheme: dark" in page


def test_page__leads_with_a_share_and_what_chance_would_give(store):
    quality = assessed(camvid(store))
    report = quality_report(quality)
    assert report.discriminability is not None
    page = audit_page(quality, report, run_audit(camvid(store)).answers, "index.html")
    tile = re.search(r'<div class="tile"><b>(.*?)</b><span>(.*?)</span>', page)
    assert tile is not None
    assert tile[1] == f"{100 * report.discriminability.score:.1f}&nbsp;%"
    assert re.fullmatch(
        r"of phrases find their class \([\d.]+ to [\d.]+\), chance 16\.7&nbsp;%", tile[2]
    )
    assert '<a href="index.html">The demo run</a>' in page
    assert not re.search(r"\d %<", page)  # no share is folded before its sign


def test_page__folds_the_rules_that_found_nothing(store):
    quality = assessed(camvid(store))
    report = quality_report(quality)
    counts = dict.fromkeys(report.flag_counts, 0) | {"shared": 3, "cut_off": None}
    page = audit_page(
        quality, replace(report, flag_counts=counts), run_audit(camvid(store)).answers
    )
    shown, folded = page.split(f"<summary>{len(counts) - 2} rules found nothing</summary>")
    assert '<td>shared</td><td class="number">3</td>' in shown
    assert '<td>cut_off</td><td class="number">not measured</td>' in shown
    assert all(f"<td>{name}</td>" in folded for name in counts.keys() - {"shared", "cut_off"})


def test_page__of_a_sparse_set_lists_what_it_lacks_once(compared):
    asking = assessor(camvid(compared, "import:others"))
    report = quality_report(asking.named(), asking)
    answers = run_audit(camvid(compared, "import:others")).answers
    page = audit_page(asking.named(), report, answers)
    assert report.flag_counts["empty"] == 8
    assert "8 classes have no phrase but their name" in page
    assert "<td>empty</td>" in page  # the rule
    assert page.count("<td>empty</td>") == 1
    assert "Likeness of 3 classes" in page


def test_page__shows_hostile_text_as_text(store):
    quality = assessed(camvid(store))
    report = quality_report(quality)
    hostile = replace(
        report,
        vocabulary=HOSTILE,
        model=HOSTILE,
        flags=[Flag(reason=HOSTILE, class_name=HOSTILE, text=HOSTILE, detail=HOSTILE)],
        classes=[
            replace(row, class_name=HOSTILE, flags={HOSTILE: 1}, not_told_from=[HOSTILE])
            for row in report.classes
        ],
        weak_pairs=[(HOSTILE, HOSTILE, 0.5)],
        sets=[replace(report.sets[0], model=HOSTILE)] * 2,
    )
    answers = [
        replace(one, rows=[[HOSTILE, 1, HOSTILE]]) if one.name == "rejections" else one
        for one in run_audit(camvid(store)).answers
    ]
    seen = Seen(page := audit_page(quality, hostile, answers))
    assert not seen.tags & {"script", "img"}
    assert not seen.attributes & {"onerror", "src"}
    assert "\u202e" not in page
    assert "{{ 7 * 7 }}" in page
    assert sum('<script>alert("1")</script>' in text for text in seen.texts) > 10


def test_page__of_a_set_without_vectors_says_so(store):
    source = EncodedSource(dataset="camvid", store=store, encoder="other/encoder")
    quality = assessed(source)
    page = audit_page(quality, quality_report(quality), run_audit(source).answers)
    assert "Not measured: the store has no vectors of other/encoder" in page
    assert "<svg" not in page


def test_audit__is_read_without_the_encoder_when_no_vocabulary_is_named(store):
    code = (
        "import sys; from pathlib import Path;"
        "from langseg.descriptors.vocabulary.source import EncodedSource;"
        "from langseg.pipelines.desc.audit import run_audit as run;"
        "run(EncodedSource(store=Path(sys.argv[1]))); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False"]
