"""Run a command line as a person would, in this process; and a text encoder that costs nothing."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from langseg.descriptors.encoders import load, sentence
from langseg.descriptors.encoders.base import TextEncoder
from langseg.pipelines.cli import desc, seg
from langseg.pipelines.shared.console import run
from tests.support.hash_encoder import HashEncoder


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Done]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """``call("langseg-desc", "generate", ...)`` -> exit code, stdout, stderr."""
    apps = {"langseg-desc": desc.app, "langseg-seg": seg.app}

    def call(command: str, *arguments: object) -> Done:
        capsys.readouterr()
        try:
            run(lambda: apps[command]([str(argument) for argument in arguments]))
            code: object = 0
        except SystemExit as ended:
            code = ended.code or 0
        captured = capsys.readouterr()
        assert isinstance(code, int)
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def hash_encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What ``--encoder`` calls a ``HashEncoder``: for tests to which no meaning matters."""
    encoder = HashEncoder(tmp_path_factory.mktemp("encoders") / "hash")
    real = sentence.load_sentence

    def load_sentence(name: str, *rest: Any) -> TextEncoder:
        return encoder if name == encoder.record.model else real(name, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "load_sentence", load_sentence)
        yield encoder.record.model
