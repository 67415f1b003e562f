"""Run the main job once, from class names to masks, on what ships: no key, no GPU, no hub.

In:  a folder for the run and one for the store.
Out: ``metrics.json``, the checkpoint, ``overlay_*.png`` and one ``index.html`` that shows it all.

    python -m langseg.pipelines.demo        (what `make demo` calls)

Every stage knows when it is done, so running it again redoes nothing.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langseg.cache.errors import CorruptError
from langseg.cache.files import sha256_of, write_atomic
from langseg.descriptors.vocabulary.source import DEFAULT_STORE, Source
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.pages.demo import Picture, Stage, render_page
from langseg.pipelines.shared.console import run, say
from langseg.pipelines.shared.progress import Advance, progress
from langseg.pipelines.shared.table_output import emit_table

OUT = Path("runs/demo")
METRICS, PAGE = "metrics.json", "index.html"
SCENES = 10  # those that are rendered; they come first in the vocabulary
SHOWN = 8  # held-out pictures that get an overlay, spread over the scenes
Work = Callable[[Advance], dict[str, Any]]


class Stages:
    """Runs stages, keeps the seconds of those that had something to do, skips finished ones."""

    def __init__(self, metrics: Path) -> None:
        self._metrics = metrics
        self.values: dict[str, Any] = _read(metrics)
        self.values.setdefault("stages", {})

    def run(self, name: str, command: str, work: Work, did: Callable[[Any], bool]) -> Any:
        """Do one stage and say its sentence; ``did`` tells from its report if it was work."""
        started = time.perf_counter()
        with progress(name) as advance:
            report = work(advance)
        seconds = round(time.perf_counter() - started, 2)
        stages = self.values["stages"]
        if did(report) or name not in stages:
            stages[name] = {"command": command, "seconds": seconds}
        self.keep()  # an interrupted next stage must not cost this one its seconds
        say(f"[{name}, {seconds:.1f} s] {report['sentence']}")
        return report

    def keep(self, **values: Any) -> None:
        """Add values to metrics.json, whole."""
        self.values |= values
        self.values["seconds"] = {name: s["seconds"] for name, s in self.values["stages"].items()}
        text = json.dumps(self.values, indent=1, ensure_ascii=False)
        write_atomic(self._metrics, text.encode())


def run_demo(out: Path, store: Path) -> dict[str, Any]:
    """The nine stages, in order. Returns: the content of ``metrics.json``."""
    out.mkdir(parents=True, exist_ok=True)
    stages = Stages(out / METRICS)
    bank = _describe(stages, store)
    audit = _audit(stages, store)
    data = out / "data"
    _train(stages, out, data, bank, store)
    key = _key(out, bank)
    if stages.values.get("key") != key:
        _score(stages, out, data)
    if stages.values.get("key") != key or not _all_drawn(out, stages.values.get("pictures", [])):
        pictures = _pictures(stages, out, data)
        stages.keep(key=key, pictures=pictures)
    page = out / PAGE
    write_atomic(page, _page(stages.values, out, bank, audit, store).encode())
    say(f"look at {page}")
    return stages.values


def _describe(stages: Stages, store: Path) -> Path:
    """Descriptors, embeddings, bank. Returns: the bank's folder."""
    from langseg.pipelines.desc.bank import run_bank
    from langseg.pipelines.desc.encode import run_encode
    from langseg.pipelines.desc.generate import Advancing, run_generate

    flag = f" --max-scenes {SCENES}{_store_flag(store)}"
    config = DescribeConfig(dataset="ade20k", store=store, max_scenes=SCENES)
    source = Source(dataset="ade20k", store=store, max_scenes=SCENES)
    stages.run(
        "generate",
        f"langseg-desc generate --dataset ade20k{flag}",
        lambda advance: run_generate(config, Advancing(advance)),
        lambda report: bool(report["asked"]),
    )
    stages.run(
        "encode",
        f"langseg-desc encode --dataset ade20k{flag}",
        lambda advance: run_encode(source, "minilm", advance),
        lambda report: bool(report["embedded"]),
    )
    report = stages.run(
        "bank",
        f"langseg-desc bank --dataset ade20k{flag}",
        lambda advance: run_bank(source, "minilm"),
        lambda report: False,
    )
    return Path(report["bank"])


def _store_flag(store: Path) -> str:
    return "" if store == DEFAULT_STORE else f" --store {store}"


def _audit(stages: Stages, store: Path) -> list[dict[str, Any]]:
    from langseg.pipelines.desc.standing_questions import vocabulary_answers

    report = stages.run(
        "audit",
        f"langseg-desc audit --dataset ade20k{_store_flag(store)}",
        lambda advance: vocabulary_answers(Source(dataset="ade20k", store=store)),
        lambda report: False,
    )
    shown = [a for a in report["answers"] if a["name"] in ("counts", "provenance")]
    for answer in shown:
        emit_table(answer["columns"], answer["rows"], title=answer["question"])
    return shown


def _train(stages: Stages, out: Path, data: Path, bank: Path, store: Path) -> None:
    from langseg.pipelines.seg.demo_data import run_demo_data
    from langseg.pipelines.seg.train import run_train, train_settings

    stages.run(
        "demo-data",
        f"langseg-seg demo-data --out {data}",
        lambda advance: run_demo_data(data, 0, 240, 60, (256, 192), advance),
        lambda report: report["rendered"],
    )
    settings = train_settings("demo", {"data": data, "bank": bank, "out": out})
    try:
        stages.run(
            "train",
            f"langseg-seg train --config demo --data {data} --out {out}{_store_flag(store)}",
            lambda advance: run_train(settings, advance),
            lambda report: bool(report["trained_steps"]),
        )
    except CorruptError as exc:
        raise CorruptError(
            f"{exc}; to start the demo anew, delete the run folder {out}", exc.remedy
        ) from exc


def _score(stages: Stages, out: Path, data: Path) -> None:
    from langseg.pipelines.seg.evaluate import EvalSettings, run_eval

    report = stages.run(
        "eval",
        f"langseg-seg eval --checkpoint {out} --data {data}",
        lambda advance: run_eval(EvalSettings(checkpoint=out, data=data), advance),
        lambda report: True,
    )
    del report["sentence"]
    stages.keep(**report)


def _pictures(stages: Stages, out: Path, data: Path) -> list[dict[str, str]]:
    """Overlays of held-out pictures, beside the picture and its annotation."""
    from langseg.pipelines.seg.predict import PredictSettings, run_predict
    from langseg.segmenter.data.layouts.registry import find_samples

    chosen = _one_of_each_scene(find_samples("ade20k", data, "val"))
    images = [sample.image for sample in chosen]
    report = stages.run(
        "predict",
        f"langseg-seg predict --checkpoint {out} --out {out} {images[0]} ...",
        lambda advance: run_predict(PredictSettings(checkpoint=out, out=out), images, advance),
        lambda report: True,
    )
    by_stem = {Path(one["image"]).stem: one for one in report["predicted"]}
    return [
        {
            "stem": sample.stem,
            "image": str(sample.image.relative_to(out)),
            "labels": str(sample.labels.relative_to(out)) if sample.labels else "",
            "scene": sample.scene,
            "guess": next(iter(by_stem[sample.stem]["scenes"]), ""),
            "classes": ", ".join(list(by_stem[sample.stem]["classes"])[:6]),
        }
        for sample in chosen
    ]


def _all_drawn(out: Path, pictures: Sequence[Mapping[str, str]]) -> bool:
    """Whether the mask and the overlay of each picture shown are there."""
    names = [
        f"{before}{picture['stem']}.png" for picture in pictures for before in ("", "overlay_")
    ]
    return bool(names) and all((out / name).is_file() for name in names)


def _one_of_each_scene(samples: Sequence[Any]) -> list[Any]:
    """The first picture of each scene, then more, up to SHOWN."""
    first = {sample.scene: sample for sample in reversed(samples)}
    rest = [sample for sample in samples if sample not in first.values()]
    chosen = [*first.values(), *rest][:SHOWN]
    return sorted(chosen, key=lambda sample: str(sample.stem))


def _key(out: Path, bank: Path) -> str:
    """What the scores and pictures depend on: the trained weights and the bank."""
    from langseg.segmenter.model.checkpoint import MODEL, latest

    checkpoint = latest(out)
    weights = sha256_of(checkpoint / MODEL) if checkpoint else ""
    return f"{weights[:16]}-{bank.name[:16]}"


def _page(
    values: Mapping[str, Any],
    out: Path,
    bank_folder: Path,
    audit: Sequence[Mapping[str, Any]],
    store: Path,
) -> str:
    from langseg.cache.bank.load_save import load_bank
    from langseg.segmenter.data.labels import LabelRule

    bank = load_bank(bank_folder)
    rule = LabelRule(bank.ids, bank.ignore_ids)
    scored = {name: iou for name, iou in values["per_class_iou"].items() if iou is not None}
    return render_page(
        title="the demo run",
        lead="Everything on this page was made on this machine by `make demo`: descriptors from "
        "the bundled pack (no LLM was called), a small head trained on the frozen demo ViT, scores "
        "on rendered pictures the head has never seen. It shows that the path works; it is no "
        "benchmark result.",
        tiles={
            "mIoU": f"{values['miou']:.1%}",
            "pixel accuracy": f"{values['pixel_accuracy']:.1%}",
            "classes scored": str(len(scored)),
            "phrases in the TextBank": f"{int(bank.mask.sum()):,}",
            "seconds in all": f"{sum(values['seconds'].values()):.0f}",
        },
        pictures=[_triptych(out, picture, bank, rule) for picture in values["pictures"]],
        classes=[
            {"name": name, "iou": iou, "phrases": "; ".join(_phrases(bank, name))}
            for name, iou in sorted(scored.items(), key=lambda item: -item[1])
        ],
        dropped=f"{values['dropped']} of {len(bank.names)} classes appear in neither labels nor "
        "predictions and do not count in the mean.",
        audit=audit,
        stages=[Stage(name=name, **stage) for name, stage in values["stages"].items()],
        store=str(store),
    )


def _phrases(bank: Any, name: str) -> tuple[str, ...]:
    return tuple(bank.texts[bank.names.index(name)][1:4])


def _triptych(out: Path, picture: Mapping[str, str], bank: Any, rule: Any) -> Picture:
    """Image, annotation and prediction side by side."""
    from langseg.segmenter.data.images import decode_image
    from langseg.segmenter.inference.mask_files import encode_png
    from langseg.segmenter.inference.overlay import side_by_side

    image = decode_image(out / picture["image"])
    masks = [rule.read(out / picture["labels"]), rule.read(out / f"{picture['stem']}.png")]
    page = side_by_side(image, masks, bank.names, bank.ids)
    return Picture(
        png=encode_png(page),
        alt=f"{picture['scene']}: image, annotation and prediction",
        caption=f"{picture['scene']} (the model says {picture['guess']}): {picture['classes']}",
    )


def _read(metrics: Path) -> dict[str, Any]:
    try:
        values = json.loads(metrics.read_bytes())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def main() -> None:
    """Entry point of ``python -m langseg.pipelines.demo``."""
    parser = argparse.ArgumentParser(description="Run the main job once on what ships.")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--store", type=Path, default=DEFAULT_STORE)
    arguments = parser.parse_args()
    run(lambda: run_demo(arguments.out, arguments.store))


if __name__ == "__main__":
    main()
