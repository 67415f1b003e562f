"""Whether one set of descriptors tells the classes of a vocabulary apart better than another.

In:  a shipped vocabulary, and files of descriptors as `import` takes them.
Out: what the bundled pack adds to names only, and each file's set beside it over the classes that
     both describe.

Each file is measured twice: what the checks keep of it, and as it was published.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.benchmarks.harness import machine, show

if TYPE_CHECKING:
    from langseg.pipelines.shared.audit_report import QualityReport


def measured(dataset: str, files: list[Path], store: Path) -> "QualityReport":
    """The quality that `audit` reports, of a fresh store."""
    from langseg.descriptors.quality.assess import Assessor
    from langseg.descriptors.vocabulary.source import EncodedSource
    from langseg.pipelines.desc.encode import run_encode
    from langseg.pipelines.desc.generate import run_generate
    from langseg.pipelines.desc.generate_settings import DescribeConfig
    from langseg.pipelines.desc.import_set import ImportConfig, run_import
    from langseg.pipelines.desc.open_sets import open_sets
    from langseg.pipelines.desc.quality_report import quality_report
    from tests.support.quiet import Quiet, no_bar

    run_generate(DescribeConfig(dataset=dataset, store=store), Quiet())
    models = ["bundled"]
    for file in files:
        for published in (False, True):
            flags = ImportConfig(dataset=dataset, store=store, file=file, as_published=published)
            models.append(run_import(flags).model)
    for model in models:
        source = EncodedSource(dataset=dataset, store=store, model=model)
        run_encode(source, "minilm", no_bar)
    source = EncodedSource(dataset=dataset, store=store, model="bundled")
    assessor = Assessor(source, open_sets(source))
    return quality_report(assessor.named(), assessor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", type=Path, nargs="*", help="descriptors of others")
    parser.add_argument("--dataset", default="ade20k")
    args = parser.parse_args()
    from langseg.pipelines.pages.audit_tables import quality_tables

    print(machine())
    with TemporaryDirectory() as name:
        report = measured(args.dataset, args.files, Path(name) / "store")
    print(report.sentence)
    for title, columns, rows in quality_tables(report, 0):
        if rows:
            show(title, [dict(zip(columns, map(str, row), strict=True)) for row in rows])


if __name__ == "__main__":
    main()
