"""An `encode` that kills itself.

In:  a folder with ``mine.txt`` and ``store``; after how many chunks; whether within the next one.
Out: a store as SIGKILL leaves it.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from langseg.cache.store import text_id_ranges
from langseg.cache.store.writer import StoreWriter
from langseg.descriptors.encoders import embed
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.encode import run_encode
from tests.support.hash_encoder import HashEncoder
from tests.support.quiet import no_bar


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, chunks: int, in_a_chunk: bool) -> None:
    encoder = HashEncoder(folder / "encoder")
    commit = StoreWriter.commit
    commits = 0

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal commits
        manifest = commit(*arguments, **named)
        commits += 1
        if commits == chunks and in_a_chunk:
            encoder.encode = die  # type: ignore[method-assign]
        elif commits == chunks:
            die()
        return manifest

    mock.patch.object(StoreWriter, "commit", counted).start()
    mock.patch.object(embed, "load_encoder", return_value=encoder).start()
    text_id_ranges.RANGE_TEXTS, embed.ENCODE_CHUNK = 20, 7
    source = Source(classes=folder / "mine.txt", store=folder / "store")
    run_encode(source, str(folder / "encoder"), no_bar)


main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True")
