"""The commands by which sets of descriptors come from others and go to them."""

from langseg.pipelines.cli.options import settings_options
from langseg.pipelines.desc.export import ExportConfig
from langseg.pipelines.desc.import_set import ImportConfig
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.json_output import emit_json, emit_report


@settings_options(ImportConfig)
def import_set(settings: ImportConfig, as_json: bool) -> None:
    """Bring in descriptors of others: CuPL, classify by description, tables, batches, exports.

    They pass the same checks as a model's, dropped ones are kept with their reason, and they stay
    a set of their own, named by --model: banks take it only where it is asked for, or alone. A
    second import of a name replaces the first.

    A file that cannot be read as what it is stops the import; a row without a class or a phrase is
    left out and named, and stops it only where there are more such rows than others. Examples:

    \b
        langseg-desc import cupl_cifar10.json --classes cifar10.txt
        langseg-desc import cupl_cifar10.json --classes cifar10.txt --as-published
        langseg-desc import phrases.csv --dataset ade20k --model mine
    """
    from langseg.pipelines.desc.import_set import run_import

    report = run_import(settings)
    emit_report(report, as_json)


@settings_options(ExportConfig)
def export(settings: ExportConfig, as_json: bool) -> None:
    """Write what the bank of a vocabulary would hold, each phrase with the request it is from.

    Examples:

    \b
        langseg-desc export --dataset ade20k --out ade20k.jsonl
        langseg-desc export --dataset ade20k --format hf --out ade20k-descriptors
    """
    from langseg.pipelines.desc.export import run_export

    report = run_export(settings)
    if as_json:
        emit_json(report)
        return
    say(report.sentence)
    print(report.out)
