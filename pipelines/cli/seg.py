"""`langseg-seg`: train, score and use a light segmenter on a frozen ViT and a TextBank."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from langseg.pipelines.cli.options import ConfigFile, Json, StorePath, Version
from langseg.pipelines.shared.console import run, say
from langseg.pipelines.shared.json_output import emit_json, emit_report
from langseg.pipelines.shared.progress import progress
from langseg.pipelines.shared.settings import load_config
from langseg.pipelines.shared.table_output import emit_table

app = typer.Typer(
    help="Stage two: a light trained head on a frozen ViT looks cached descriptor embeddings up. "
    "No LLM, text encoder or network is asked.",
    epilog="Exit codes: 0 ok, 1 internal, 2 usage, 3 bad input or dataset, 4 bank or checkpoint "
    "corrupt or incompatible, 5 hub or network failed, 130 interrupted. "
    "Example: langseg-seg predict --checkpoint runs/demo photo.jpg",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # markup would swallow every [default: ...]
)

Dataset = Annotated[
    Literal["ade20k", "camvid"] | None,
    typer.Option(help="Vocabulary and layout.  [default: ade20k]"),
]
Data = Annotated[Path | None, typer.Option(help="The dataset's folder.  [default: data/<dataset>]")]
Bank = Annotated[Path | None, typer.Option(help="TextBank folder, instead of the default one.")]
Checkpoint = Annotated[
    Path | None, typer.Option(help="Run or checkpoint folder.  [default: runs/train]")
]
Mode = Annotated[
    Literal["whole", "slide"] | None, typer.Option(help="At once, or in windows.  [default: whole]")
]
ShortSide = Annotated[
    int | None, typer.Option(help="Short side in pixels.  [default: the side it was trained at]")
]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...  [default: auto]")]


@app.callback()
def _options(version: Version = False) -> None:
    """Options of the command line itself; ``Version`` acts when it is read."""


@app.command()
def train(
    dataset: Dataset = None,
    data: Data = None,
    store: StorePath = None,
    bank: Bank = None,
    out: Annotated[Path | None, typer.Option(help="Run folder.  [default: runs/train]")] = None,
    config: Annotated[
        str | None,
        typer.Option(
            help="YAML file, or a name that ships: ade20k, camvid, demo.  [default: the dataset]"
        ),
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="A timm plain ViT by name, or demo (the one that ships).")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Backbone weights, a .safetensors file.")
    ] = None,
    pretrained: Annotated[
        bool | None, typer.Option(help="Take the backbone's weights from the hub.")
    ] = None,
    head: Annotated[
        Literal["dense", "linear"] | None,
        typer.Option(help="dense reads the bank; linear is the probe to beat.  [default: dense]"),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    crop: Annotated[int | None, typer.Option(help="Training crop in pixels.")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Decides order, crops and first weights.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that read ahead.")] = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Train the head; run it again to resume exactly where it stopped.

    What a flag without a default leaves open, the settings of --config decide.

    Examples:

    \b
        langseg-seg train --dataset ade20k --data ADEChallengeData2016
        langseg-seg train --config demo --data runs/demo/data --out runs/again
    """
    from langseg.pipelines.seg.train import run_train, train_settings

    training = {"steps": steps, "batch_size": batch_size, "crop": crop, "lr": lr, "seed": seed}
    flags = {
        "dataset": dataset, "data": data, "store": store, "bank": bank, "out": out,
        "backbone": backbone, "weights": weights, "pretrained": pretrained, "workers": workers,
        "device": device, "training": {**training, "head": {"kind": head}},
    }  # fmt: skip
    settings = train_settings(config, flags)
    resume = "the last checkpoint is kept, run the same command again to go on from it"
    with progress("train", resume) as advance:
        report = run_train(settings, advance)
    emit_report(report, as_json)


@app.command("eval")
def evaluate(
    checkpoint: Checkpoint = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Score stored <stem>.png masks instead of a model.")
    ] = None,
    dataset: Dataset = None,
    data: Data = None,
    split: Annotated[
        Literal["train", "val"] | None, typer.Option(help="Which images.  [default: val]")
    ] = None,
    bank: Bank = None,
    scenes: Annotated[
        Literal["predicted", "label", "none"] | None,
        typer.Option(
            help="Who names the scene: the model, the dataset, nobody.  [default: predicted]"
        ),
    ] = None,
    mode: Mode = None,
    short_side: ShortSide = None,
    device: Device = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Score on labels at their own size, from one confusion matrix over the whole split.

    A run scored on val with its own bank keeps the report as eval.json in its folder. Examples:

    \b
        langseg-seg eval --checkpoint runs/demo --data runs/demo/data
        langseg-seg eval --predictions masks --dataset ade20k --data ADEChallengeData2016
    """
    from langseg.pipelines.seg.evaluate import EvalSettings, run_eval

    settings = load_config(
        EvalSettings,
        config,
        {
            "checkpoint": checkpoint, "predictions": predictions, "dataset": dataset,
            "data": data, "split": split, "bank": bank, "scenes": scenes, "mode": mode,
            "short_side": short_side, "device": device,
        },
    )  # fmt: skip
    with progress("eval", "nothing was written, run the same command again") as advance:
        report = run_eval(settings, advance)
    if as_json:
        emit_json(report)
        return
    rows = [(name, iou) for name, iou in report["per_class_iou"].items() if iou is not None]
    rows.sort(key=lambda row: -row[1])
    emit_table(("class", "IoU"), [(name, f"{iou:.4f}") for name, iou in rows])
    say(report["sentence"])


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="JPEG, PNG or WebP pictures.")],
    checkpoint: Checkpoint = None,
    out: Annotated[Path | None, typer.Option(help="Folder.  [default: runs/predict]")] = None,
    bank: Annotated[
        Path | None, typer.Option(help="Ask with another vocabulary of the same text encoder.")
    ] = None,
    scene: Annotated[str | None, typer.Option(help="Name the scene, e.g. kitchen.")] = None,
    mode: Mode = None,
    short_side: ShortSide = None,
    device: Device = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Segment pictures: <stem>.png (pixel = class id) and overlay_<stem>.png with a legend.

    Exit code 3 when a picture could not be used; the others are done. Example:

    \b
        langseg-seg predict --checkpoint runs/demo photo.jpg
    """
    from langseg.pipelines.seg.predict import PredictSettings, run_predict

    settings = load_config(
        PredictSettings,
        config,
        {
            "checkpoint": checkpoint, "out": out, "bank": bank, "scene": scene, "mode": mode,
            "short_side": short_side, "device": device,
        },
    )  # fmt: skip
    with progress("predict", "the finished masks are kept") as advance:
        report = run_predict(settings, images, advance)
    for problem in report["failed"]:
        say(f"error: {problem}")
    emit_report(report, as_json)
    if report["failed"]:
        raise typer.Exit(3)


@app.command("demo-data")
def demo_data(
    out: Annotated[Path, typer.Option(help="Folder to make.")] = Path("data/demo"),
    seed: Annotated[int, typer.Option(min=0, help="Other seeds draw other pictures.")] = 0,
    train_images: Annotated[int, typer.Option("--train", min=1, help="Training pictures.")] = 240,
    val_images: Annotated[int, typer.Option("--val", min=1, help="Validation pictures.")] = 60,
    width: Annotated[int, typer.Option(help="Pixels.")] = 256,
    height: Annotated[int, typer.Option(help="Pixels.")] = 192,
    as_json: Json = False,
) -> None:
    """Render a small illustrated dataset in ADE20K's folder layout and label ids.

    Example:

    \b
        langseg-seg demo-data --out data/demo
    """
    from langseg.pipelines.seg.demo_data import run_demo_data

    with progress("demo-data") as advance:
        report = run_demo_data(out, seed, train_images, val_images, (width, height), advance)
    emit_report(report, as_json)


def main() -> None:
    """Entry point of the console script."""
    run(app)


if __name__ == "__main__":
    main()
