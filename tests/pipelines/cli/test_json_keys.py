"""The keys of `--json` are what a script reads: none goes, comes or is renamed unseen."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from langseg.pipelines.seg.demo_data import DemoDataReport
from langseg.pipelines.seg.explain import ExplainedRegion, ExplainReport, WinningPhrase, Without
from langseg.pipelines.seg.predict import PredictedPicture, PredictReport
from langseg.pipelines.seg.score_report import MasksReport, ModelReport, Protocol
from langseg.pipelines.seg.train import TrainReport

DESC = {
    "plan": "requests cached unusable cached_share to_ask prompt_tokens completion_tokens cost_usd "
    "gpu_hours vocabulary provider model price_per_million price_source missing "
    "under_way scenes_to_ask store near_stores",
    "generate": "run_id planned cached unusable missing recovered collected asked reasked "
    "statuses accepted subclasses rejected prompt_tokens completion_tokens cost_usd attempts "
    "most_tokens most_cost_usd still_open seconds manifest under_way sentence",
    "explain-key wall": "request_key in_key not_in_key prompt_id others stored nearest_stored "
    "differences",
    "encode": "encoder texts embedded recovered truncated tokens set sentence",
    "bank": "bank fingerprint classes descriptors scenes dropped scene_texts set sentence",
    "arms": "format real vocabulary encoder arms left_out index embedded truncated set sentence",
    "import others.json": "file form file_sha256 vocabulary model classes phrases subclasses "
    "accepted rejected flagged all_dropped renamed unknown unknown_pairs empty missing guesses "
    "disagreeing bad_rows ignored mended planned cached asked newest replaced manifest sentence",
    "export --out out.jsonl": "out format rows classes without model sentence",
    "audit": "answers missing set sentence quality by_pictures",
    "audit --list": "questions",
    "show wall": "class_name senses kept dropped requests answers vectors sentence",
    "sql from/**/texts": "columns rows truncated",
    "verify": "problems notes",
    "repair": "manifest set_aside files lost encoders dropped remade banks snapshots problems "
    "sentence",
    "compact": "manifest held parts_before parts_after sentence",
    "gc": "files bytes kept recent cited cited_bytes dry_run sentence",
}
OF_A_VOCABULARY = ("plan", "generate", "explain-key", "encode", "bank", "arms", "import", "export",
                   "audit")  # fmt: skip
WITH_ENCODER = ("encode", "bank", "arms", "audit")
SET = "model askings classes described only_names only_scenes scenes described_scenes changed"
INNER = {
    "encode": {"set": SET},
    "bank": {"set": SET},
    "arms": {"set": SET},
    "plan": {
        "prompt_tokens": "least likely most",
        "completion_tokens": "least likely most",
    },
    "explain-key wall": {
        "in_key": "key_version model messages data params schema sample_index",
    },
    "audit": {
        "quality": "vocabulary model encoder flag_counts not_measured flags classes coverage "
        "phrase_counts why_not discriminability weak_pairs sets sentence",
    },
}
SCORES = (
    "dataset data split images data_hash miou pixel_accuracy mean_accuracy fwiou median_iou "
    "worst_decile_iou miou_over_all ade20k_score boundary strata picturewise worst_pictures "
    "per_class_iou dropped pixels versions sentence"
)
SEG = {
    TrainReport: "checkpoint steps trained_steps trainable_parameters features seconds "
    "images_per_second peak_memory_mib peak_gpu_memory_mib sentence",
    DemoDataReport: "out rendered sentence",
    PredictReport: "out predicted failed sentence",
    PredictedPicture: "image mask overlay classes scores scenes",
    ExplainReport: "image picture rows scenes explained regions without sentence",
    ExplainedRegion: "number class_name class_id share box runner_up margin phrases "
    "runner_up_phrase",
    WinningPhrase: "text text_id slot subclass scenes weight margin",
    Without: "phrases classes scenes overlay changed regions shares",
    MasksReport: f"{SCORES} predictions",
    ModelReport: f"{SCORES} calibration anomaly_auroc robustness checkpoint step backbone bank "
    "protocol seen_miou unseen_miou h_iou unseen",
    Protocol: "mode short_side window stride scales flip averaged resized upsampled scenes told "
    "vocabulary vocabulary_hash classes mapping device precision features processes",
}


@pytest.mark.slow
def test_json__of_each_command_of_stage_one_has_these_keys(
    call, tmp_path: Path, hash_encoder: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("mine.txt").write_text("wall\nsky\nbed\n")
    Path("others.json").write_text(json.dumps({"wall": ["flat plaster in one pale hue"]}))
    for line, keys in DESC.items():
        command = line.split()[0]
        flags = ["--classes", "mine.txt"] if command in OF_A_VOCABULARY else []
        flags = [] if line == "audit --list" else flags
        flags += ["--encoder", hash_encoder] if command in WITH_ENCODER and flags else []
        done = call("langseg-desc", *line.split(), *flags, "--json")
        assert (line, done.code, sorted(done.json)) == (line, 0, sorted(keys.split())), done.err
        for key, inner in INNER.get(line, {}).items():
            assert (key, sorted(done.json[key])) == (key, sorted(inner.split()))


def test_json__of_each_command_of_stage_two_has_these_keys():
    for kind, keys in SEG.items():
        assert (kind, {field.name for field in fields(kind)}) == (kind, set(keys.split()))
