"""A likely mistake is answered with what was perhaps meant and what to do next."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _store(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LANGSEG_STORE", raising=False)
    Path("c.txt").write_text("wall\nsky\n")
    assert call("langseg-desc", "generate", "--classes", "c.txt").code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("generate --provider opnai --classes c.txt", 2, "did you mean openai?"),
        ("generate --dataset ad20k", 2, "did you mean 'ade20k'?"),
        ("gnerate", 2, "generate"),
        ("audit --question coverag", 2, "did you mean coverage?"),
        ("export --classes c.txt", 2, "give --out: FILE.jsonl"),
        ("export --classes c.txt --format parket --out x", 2, "did you mean parquet?"),
        ("encode --dataset camvid", 3, "run `langseg-desc generate --dataset camvid`"),
        ("bank --dataset camvid", 3, "run `langseg-desc generate --dataset camvid`"),
        ("encode --classes c.txt --model bundeld", 3, "(it has some of bundled: give one as"),
        ("sql from/**/phrase", 3, 'Did you mean "phrases"?'),
        ("sql select/**/slott/**/from/**/phrases", 3, 'Candidate bindings: "slot"'),
        ("show walll", 3, "did you mean wall?"),
        ("explain-key walll --classes c.txt", 3, "did you mean wall?"),
        ("bank --classes c.txt --encoder minilmm", 3, "did you mean minilm?"),
    ],
)
def test_mistake__is_answered_with_what_was_meant(call, line: str, code: int, words: str):
    done = call("langseg-desc", *line.split())
    assert (done.code, words in done.err) == (code, True), done.err
