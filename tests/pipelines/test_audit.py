"""The audit of a vocabulary: its numbers, its questions, and its page."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from langseg.cache.errors import InputError
from langseg.pipelines.audit import quality_report, questions, run_whole_audit
from langseg.pipelines.audit_page import render_audit
from langseg.pipelines.config import DescribeConfig, EncodedSource
from langseg.pipelines.describe import run_generate
from langseg.pipelines.encode import run_encode
from langseg.pipelines.judged import judge_quality
from langseg.pipelines.likeness_map import MOST, draw_map, like_together
from tests.pipelines.quiet import Quiet

DESC = "langseg-desc"
HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(2)>" style=\'x\' \u202e{{ 7 * 7 }}'


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled answers of camvid with their vectors, and those of a sofa without."""
    folder = tmp_path_factory.mktemp("audit")
    (folder / "sofa.txt").write_text("sofa\nbed\n")
    for named in ({"dataset": "camvid"}, {"classes": folder / "sofa.txt"}):
        run_generate(DescribeConfig(store=folder / "store", **named), Quiet())
        if "dataset" in named:
            source = EncodedSource(store=folder / "store", **named)
            run_encode(source, "minilm", lambda done, total, note="": None)
    return folder / "store"


def camvid(store: Path) -> EncodedSource:
    return EncodedSource(dataset="camvid", store=store)


def test_quality__of_the_bundled_camvid_is_beyond_chance_and_without_flags(store):
    report = quality_report(judge_quality(camvid(store)))
    found = report["discriminability"]
    assert report["flags"] == []
    assert found["interval"][0] > found["dealt"] + 0.1
    assert found["score"] > found["chance"]
    assert report["classes"][0]["class_name"] == "sky"
    assert 0 <= report["classes"][0]["by_name"] <= 1
    assert "discriminability" in report["sentence"]


def test_quality__without_vectors_still_flags_and_says_what_is_missing(store):
    source = EncodedSource(dataset="camvid", store=store, encoder="other/encoder")
    report = quality_report(judge_quality(source))
    assert report["discriminability"] is None
    assert "langseg-desc encode" in report["sentence"]
    assert report["flag_counts"]["empty"] == 0


def test_quality__says_how_many_phrases_have_no_vector_yet(store):
    source = EncodedSource(classes=store.parent / "sofa.txt", store=store)
    report = quality_report(judge_quality(source))
    assert "36 phrases have no vector yet" in report["why_not"]
    assert report["discriminability"]["classes"] == 0
    assert "no two classes" in report["sentence"]


def test_audit__of_a_vocabulary_nobody_asked_about_has_no_quality(store, tmp_path):
    (tmp_path / "other.txt").write_text("flux capacitor\n")
    source = EncodedSource(classes=tmp_path / "other.txt", store=store)
    report = run_whole_audit(source)
    assert report["missing"] == ["flux capacitor"]
    assert "quality" not in report
    with pytest.raises(InputError, match="langseg-desc generate"):
        run_whole_audit(source, html=tmp_path / "page.html")


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
    assert not seen.tags & {"script", "img", "link", "iframe", "object", "base", "form", "a"}
    assert not {name for name in seen.attributes if name.startswith("on")} - {"open"}
    assert not re.search(r"https?:|url\(|@import", page)
    assert "default-src 'none'" in page
    for heading in ("Discriminability", "Worst classes", "Flags", "Which classes are alike"):
        assert f"<h2>{heading}</h2>" in page
    assert "prefers-color-scheme: dark" in page


def test_page__shows_hostile_text_as_text(store):
    quality = judge_quality(camvid(store))
    report = quality_report(quality)
    report["vocabulary"] = report["model"] = HOSTILE
    report["flags"] = [dict.fromkeys(("reason", "class_name", "text", "detail"), HOSTILE)]
    report["classes"] = [{**row, "class_name": HOSTILE} for row in report["classes"]]
    report["weak_pairs"] = [[HOSTILE, HOSTILE, 0.5]]
    answers = run_whole_audit(camvid(store))["answers"]
    for answer in answers:
        if answer["name"] == "rejections":
            answer["rows"] = [[HOSTILE, 1, HOSTILE]]
    seen = Seen(page := render_audit(quality, report, answers))
    assert not seen.tags & {"script", "img"}
    assert not seen.attributes & {"onerror", "src"}
    assert "\u202e" not in page
    assert "{{ 7 * 7 }}" in page
    assert sum('<script>alert("1")</script>' in text for text in seen.texts) > 10


def test_page__of_a_set_without_vectors_says_so(store):
    source = EncodedSource(dataset="camvid", store=store, encoder="other/encoder")
    quality = judge_quality(source)
    page = render_audit(quality, quality_report(quality), run_whole_audit(source)["answers"])
    assert "Not measured: the store has no vectors of other/encoder" in page
    assert "<svg" not in page


def test_map__puts_like_classes_side_by_side():
    groups = np.arange(12) % 3
    likeness = np.where(groups[:, None] == groups, 0.7, 0.0).astype(np.float32)
    order = groups[like_together(likeness)]
    assert (np.diff(order) != 0).sum() == 2


def test_map__draws_every_cell_once_and_its_mirror():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(9, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    drawn = draw_map([str(i) for i in range(9)], rows @ rows.T)
    cells = {
        (int(x) + step, int(y))
        for path in drawn.paths
        for x, y, run in re.findall(r"M(\d+) (\d+)\.5h(\d+)", path)
        for step in range(int(run))
    }
    assert {(y, x) for x, y in cells} == cells
    assert {(i, i) for i in range(9)} <= cells


@pytest.mark.parametrize("count", [0, 1, 150, MOST + 200])
def test_map__stays_small(count):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(count, 8)).astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    drawn = draw_map([f"class {i}" for i in range(count)], rows @ rows.T)
    assert len(drawn.labels) == min(count, MOST)
    assert sum(map(len, drawn.paths)) < 1_000_000


def test_audit__is_read_without_the_encoder_when_no_vocabulary_is_named(store):
    code = (
        "import sys; from pathlib import Path; from langseg.pipelines.config import EncodedSource;"
        "from langseg.pipelines.audit import run_whole_audit as run;"
        "run(EncodedSource(store=Path(sys.argv[1]))); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False"]
