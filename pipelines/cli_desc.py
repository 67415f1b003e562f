"""`langseg-desc`: write, embed, lay out and audit the descriptors of a vocabulary."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from langseg.pipelines.config import DEFAULT_STORE, DescribeConfig, Source, load_config
from langseg.pipelines.console import emit_json, emit_table, progress, run, say

app = typer.Typer(
    help="Stage one, offline: ask an LLM (or the bundled pack) once for visual descriptors of "
    "every class and every plausible (class, scene), check, embed and cache them.",
    epilog="Exit codes: 0 ok, 1 internal, 2 usage, 3 bad input, 4 store or bank corrupt, "
    "5 LLM or network failed (resumable), 6 budget reached (resumable), 7 store locked, "
    "130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Dataset = Annotated[
    str | None, typer.Option(help="Vocabulary that ships: ade20k, camvid.  [default: ade20k]")
]
Classes = Annotated[
    Path | None, typer.Option(help="Own class list (txt, csv, json, yaml) instead of a dataset.")
]
StorePath = Annotated[
    Path | None,
    typer.Option("--store", envvar="LANGSEG_STORE", help="Store.  [default: langseg-store]"),
]
Provider = Annotated[
    Literal["bundled", "openai"] | None,
    typer.Option(help="Who answers: the pack that ships, or an OpenAI-compatible server."),
]
Model = Annotated[str | None, typer.Option(help="Model to ask; needed for --provider openai.")]
Answered = Annotated[
    str | None,
    typer.Option("--model", help="Whose answers, when several models have answered."),
]
Encoder = Annotated[str, typer.Option(help="minilm, or a sentence-transformers folder or hub id.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="YAML file of these settings; flags beat it.")
]
Attributes = Annotated[int | None, typer.Option(help="Phrases for each class.  [default: 10]")]
Subclasses = Annotated[int | None, typer.Option(help="Subclasses for each class.  [default: 4]")]
SceneAttributes = Annotated[
    int | None, typer.Option(help="Phrases for each (class, scene).  [default: 3]")
]
Temperature = Annotated[
    float | None, typer.Option(help="Sampling temperature.  [default: the server's own]")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def _source(
    dataset: str | None, classes: Path | None, store: Path | None, model: str | None
) -> Source:
    return load_config(
        Source, None, {"dataset": dataset, "classes": classes, "store": store, "model": model}
    )


@app.command()
def generate(
    dataset: Dataset = None,
    classes: Classes = None,
    store: StorePath = None,
    provider: Provider = None,
    model: Model = None,
    base_url: Annotated[
        str | None, typer.Option(help="OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1.")
    ] = None,
    attributes: Attributes = None,
    subclasses: Subclasses = None,
    scene_attributes: SceneAttributes = None,
    temperature: Temperature = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Requests under way at most.  [default: 16]")
    ] = None,
    max_requests: Annotated[
        int | None, typer.Option(help="Hard stop: ask at most so many requests in this run.")
    ] = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Ask for the descriptors that the store does not hold yet. Run it again to resume.

    Examples:

        langseg-desc generate --dataset ade20k

        langseg-desc generate --classes my.txt --provider openai --model gpt-5-mini
    """
    from langseg.pipelines.describe import run_generate

    settings = load_config(
        DescribeConfig,
        config,
        {
            "dataset": dataset, "classes": classes, "store": store, "provider": provider,
            "model": model, "base_url": base_url, "attributes": attributes,
            "subclasses": subclasses, "scene_attributes": scene_attributes,
            "temperature": temperature, "concurrency": concurrency, "max_requests": max_requests,
        },
    )  # fmt: skip
    with progress("generate") as advance:
        report = run_generate(settings, advance)
    emit_json(report) if as_json else say(report["sentence"])


@app.command()
def plan(
    dataset: Dataset = None,
    classes: Classes = None,
    store: StorePath = None,
    provider: Provider = None,
    model: Model = None,
    attributes: Attributes = None,
    subclasses: Subclasses = None,
    scene_attributes: SceneAttributes = None,
    temperature: Temperature = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Say what `generate` would ask, and how much of it is cached. Asks nothing.

    Example:

        langseg-desc plan --dataset ade20k --provider openai --model gpt-5-mini
    """
    from langseg.pipelines.describe import run_plan

    report = run_plan(
        load_config(
            DescribeConfig,
            config,
            {
                "dataset": dataset, "classes": classes, "store": store, "provider": provider,
                "model": model, "attributes": attributes, "subclasses": subclasses,
                "scene_attributes": scene_attributes, "temperature": temperature,
            },
        )
    )  # fmt: skip
    emit_json(report) if as_json else emit_table(("", "plan"), list(report.items()))


@app.command()
def encode(
    dataset: Dataset = None,
    classes: Classes = None,
    store: StorePath = None,
    model: Answered = None,
    encoder: Encoder = "minilm",
    as_json: Json = False,
) -> None:
    """Embed the texts that are not embedded yet. Never asks the LLM.

    Example:

        langseg-desc encode --dataset ade20k
    """
    from langseg.pipelines.describe import run_encode

    chosen = _source(dataset, classes, store, model)
    with progress("encode") as advance:
        report = run_encode(chosen, encoder, advance)
    emit_json(report) if as_json else say(report["sentence"])


@app.command()
def bank(
    dataset: Dataset = None,
    classes: Classes = None,
    store: StorePath = None,
    model: Answered = None,
    encoder: Encoder = "minilm",
    as_json: Json = False,
) -> None:
    """Lay descriptors and embeddings out as the TextBank that langseg-seg reads.

    Prints the bank's folder. Example:

        langseg-desc bank --dataset ade20k
    """
    from langseg.pipelines.describe import run_bank

    report = run_bank(_source(dataset, classes, store, model), encoder)
    if as_json:
        emit_json(report)
        return
    say(report["sentence"])
    print(report["bank"])


@app.command()
def audit(
    store: StorePath = None,
    dataset: Annotated[
        str | None, typer.Option(help="Also name its classes that have no descriptor.")
    ] = None,
    rows: Annotated[int, typer.Option(help="Rows shown of each answer.")] = 8,
    as_json: Json = False,
) -> None:
    """Answer the standing questions: coverage, counts, duplicates, dropped phrases, provenance.

    Example:

        langseg-desc audit --dataset ade20k
    """
    from langseg.pipelines.describe import run_audit

    report = run_audit(store or DEFAULT_STORE, dataset)
    if as_json:
        emit_json(report)
        return
    for answer in report["answers"]:
        more = len(answer["rows"]) - rows
        emit_table(answer["columns"], answer["rows"][:rows], title=answer["question"])
        if more > 0:
            say(f"... and {more} more rows: langseg-desc sql 'from {answer['name']}'")
    say(report["sentence"])


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help="One SELECT.")],
    store: StorePath = None,
    max_rows: Annotated[int, typer.Option(help="Rows printed at most.")] = 1000,
    time_limit: Annotated[float, typer.Option(help="Seconds a statement may take.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Run one SELECT over the store, in a locked in-memory DuckDB.

    Tables: requests, responses, descriptors, texts, embeddings; views: phrases, coverage,
    counts, duplicates, rejections, provenance, encoders. Only rows of the live snapshot.
    DuckDB's own position is that SQL is executable code: run your own statements only.

    Example:

        langseg-desc sql "select slot, text from phrases where class_name = 'wall'"
    """
    from langseg.pipelines.describe import run_sql

    answer = run_sql(store or DEFAULT_STORE, statement, max_rows, time_limit)
    if as_json:
        emit_json({"columns": answer.columns, "rows": answer.rows, "truncated": answer.truncated})
        return
    emit_table(answer.columns, answer.rows)
    if answer.truncated:
        say(f"only the first {max_rows} rows are shown; raise --max-rows for more")


@app.command()
def verify(store: StorePath = None, as_json: Json = False) -> None:
    """Check every file of the live snapshot against its checksum and every reference.

    Exit code 4 when anything is wrong.
    """
    from langseg.pipelines.describe import run_verify

    problems = run_verify(store or DEFAULT_STORE)
    if as_json:
        emit_json({"problems": problems})
    for problem in problems:
        say(problem)
    if problems:
        raise typer.Exit(4)
    say(f"{store or DEFAULT_STORE}: intact")


def main() -> None:
    """Entry point of the console script."""
    run(app)


if __name__ == "__main__":
    main()
