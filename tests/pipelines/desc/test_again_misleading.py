"""What pictures say against phrases goes back to the model that wrote them."""

import json
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from langseg.cache.errors import InputError
from langseg.descriptors.prompts.contrast import asked_look_alikes
from langseg.descriptors.prompts.subject import is_contrast
from langseg.pipelines.desc.generate_job import describe_job
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.segmenter.comparison.phrases import JudgedPhrase
from tests.support.openai_server import OpenAIServer

NAMES = ("chair", "stool", "bench", "lamp")
DESC = "langseg-desc"


def judged(name: str, text: str, other: str, auc: float = 0.3, word: str = "misleads") -> object:
    return asdict(JudgedPhrase(
        class_name=name, text=text, slot="part", subclass="", regions=9, others=9, wins=1, right=0,
        auc=auc, mistaken_for=other, word=word,  # type: ignore[arg-type]
    ))  # fmt: skip


ROWS = [
    judged("chair", "four legs", "stool", 0.3),
    judged("chair", "wooden", "bench", 0.1),
    judged("chair", "polished", "bench", 0.2),
    judged("chair", "tall padded back", "lamp", 0.9, "finds"),
    judged("lamp", "a bulb", "stool", 0.5, "chance"),
]


def said(folder: Path, rows: list[object] | None = None) -> Path:
    pq.write_table(pa.Table.from_pylist(rows or ROWS), folder / "phrases.parquet")
    return folder / "phrases.parquet"


def config(folder: Path, file: Path) -> DescribeConfig:
    (folder / "mine.txt").write_text("\n".join(NAMES))
    return DescribeConfig(
        classes=folder / "mine.txt", store=folder / "store", provider="openai", model="m",
        again_misleading=file,
    )  # fmt: skip


def test_plan__asks_what_tells_a_class_from_those_that_its_misleading_phrases_point_to(tmp_path):
    plan = list(describe_job(config(tmp_path, said(tmp_path))).whole_plan(None))
    again = [request for request in plan if is_contrast(request.schema_json)]
    assert len(plan) == len(NAMES) + 1
    assert [request.class_name for request in again] == ["chair"]
    assert asked_look_alikes(again[0].messages_json) == ["bench", "stool"]  # the more often first
    content = json.loads(again[0].messages_json)[-1]["content"]
    assert 'Misleading: ["wooden", "polished", "four legs"]' in content  # the worst first


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([judged("sofa", "soft", "chair")], "got some of sofa"),
        ([judged("chair", "soft", "sofa")], "got some of sofa"),
        ([{"class_name": "chair", "text": "soft"}], "audit --images DIR"),
    ],
)
def test_plan__refuses_a_file_of_other_classes_or_of_another_form(tmp_path, rows, told):
    job = describe_job(config(tmp_path, said(tmp_path, rows)))
    with pytest.raises(InputError, match=told):
        job.prepare()


@pytest.mark.slow
def test_generate__asks_again_once_and_the_bank_has_what_came_of_it(call, tmp_path, hash_encoder):
    settings = config(tmp_path, said(tmp_path))
    flags = ("--classes", settings.classes, "--store", settings.store)
    with OpenAIServer() as server:
        asking = (*flags, "--provider", "openai", "--model", "m", "--base-url", server.base_url)
        assert call(DESC, "generate", *asking, "--json").json["asked"] == len(NAMES)
        again = (*asking, "--again-misleading", settings.again_misleading, "--json")
        assert call(DESC, "generate", *again).json["asked"] == 1
        assert call(DESC, "generate", *again).json["asked"] == 0
    assert call(DESC, "encode", *flags, "--encoder", hash_encoder).code == 0
    bank = call(DESC, "bank", *flags, "--encoder", hash_encoder, "--json").json
    assert {asking["about"] for asking in bank["set"]["askings"]} == {"classes", "look-alikes"}
