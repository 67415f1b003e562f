"""The API key is in nothing that a run writes or says, whatever the server does with it."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from langseg.cache.records import TABLES
from langseg.cache.store.journal import journal_names
from langseg.cache.store.store import Store
from langseg.descriptors.openai_api.endpoint import Key
from langseg.pipelines.desc.standing_questions import answer_questions
from langseg.pipelines.pages.demo import render_page
from tests.support.openai_server import OpenAIServer
from tests.support.program import AT_ONCE, arguments_of, environment, run_program

pytestmark = pytest.mark.slow

DESC = "langseg-desc"
CANARY = "sk-canary/0123456789abcdef"
TELLTALES = ("canary", "0123456789abcdef")
LOUD = f"""
import logging
logging.basicConfig(level=logging.DEBUG, force=True)
logging.getLogger().setLevel(1)
{AT_ONCE}
"""
CRASH = f"""{LOUD}
from langseg.cache.store.writer import StoreWriter
commit = StoreWriter.commit
def crash(self, rows, *args, **named):
    secret = __import__("os").environ["OPENAI_API_KEY"]
    if "classes" in rows:  # before the first question
        return commit(self, rows, *args, **named)
    raise RuntimeError("a bug")
StoreWriter.commit = crash
"""
SECRETS = {"OPENAI_API_KEY": CANARY, "OPENAI_LOG": "debug"}


def leaks(text: str) -> list[str]:
    """What of the key is in a text, with some of what stands around it."""
    found = [text.find(part) for part in TELLTALES]
    return [text[max(0, at - 80) : at + 60] for at in found if at >= 0]


def texts_of(store: Path) -> Iterator[str]:
    """Every byte that a store keeps; its tables are compressed, so their rows as well."""
    for path in store.rglob("*"):
        yield str(path)
        yield path.read_bytes().decode("latin-1") if path.is_file() else ""
    opened = Store.open(store)
    for name in TABLES:
        yield json.dumps(opened.table(name).to_pylist())
        yield "".join(repr(row) for row in opened.table(name).to_pylist())


def flags(folder: Path, server: OpenAIServer) -> list[object]:
    classes = folder / "mine.txt"
    classes.write_text("hoverboard\nflux capacitor\nsonic door\n")
    asked = ["generate", "--classes", classes, "--store", folder / "store", "--provider", "openai"]
    return [*asked, "--model", "m", "--base-url", server.base_url, "--concurrency", "1"]


def test_key__that_the_server_repeats_wherever_it_can_is_in_no_log_no_file_and_no_page(
    call, tmp_path: Path
):
    about = {"hoverboard": "echo_around", "flux capacitor": "echo"}
    with OpenAIServer(about=about) as server:
        answered = run_program(*flags(tmp_path, server), before=LOUD, variables=SECRETS)
        server.about, server.always = {}, "unauthorised"
        refused = run_program(
            *flags(tmp_path, server), "--only-failed", before=LOUD, variables=SECRETS
        )
    outputs = [answered.stdout, answered.stderr, refused.stdout, refused.stderr]
    assert (answered.returncode, refused.returncode) == (5, 5)
    assert "--accept-missing" in answered.stderr  # what is echoed describes nothing
    assert "DEBUG:httpcore2" in answered.stderr
    assert "x-echo" in answered.stderr
    assert "Incorrect API key provided: Bearer [key]" in refused.stderr

    store = tmp_path / "store"
    for command in (("audit",), ("audit", "--json"), ("verify",), ("sql", "from responses")):
        done = call(DESC, *command, "--store", store)
        assert done.code == 0
        outputs += [done.out, done.err]
    outputs.append(page_of(store))
    stored = Store.open(store)
    assert any("[key]" in text for text in stored.table("responses")["raw_text"].to_pylist())
    assert stored.table("descriptors").num_rows > 0
    assert [leak for text in [*outputs, *texts_of(store)] for leak in leaks(text)] == []


def page_of(store: Path) -> str:
    """The page of a run, with all that the store answers on it."""
    audit = answer_questions(Store.open(store))
    texts = Store.open(store).table("texts")["text"].to_pylist()
    return render_page(
        title="t", lead="l", tiles={}, pictures=[], dropped="", stages=[], next_steps=[],
        classes=[{"name": "all", "iou": 0.5, "phrases": "; ".join(texts)}], audit=audit.answers,
        audit_page="audit.html",
    )  # fmt: skip


def test_key__is_in_no_traceback_and_in_no_journal_of_a_crash(tmp_path: Path):
    with OpenAIServer(about={"flux capacitor": "echo_around"}) as server:
        done = run_program(*flags(tmp_path, server), before=CRASH, variables=SECRETS)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "RuntimeError: a bug" in done.stderr
    assert journal_names(tmp_path / "store") != []
    assert [leak for text in texts_of(tmp_path / "store") for leak in leaks(text)] == []
    assert leaks(done.stdout + done.stderr) == []


def test_key__is_in_no_journal_of_a_run_that_was_killed(tmp_path: Path):
    gate = tmp_path / "gate"
    gate.write_text("2")
    with OpenAIServer(about={"hoverboard": "echo_around"}, gate=gate) as server:
        run = arguments_of(*flags(tmp_path, server), before=LOUD)
        with subprocess.Popen(run, env=environment(SECRETS), stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            stderr = b""
            while len(server.bodies) < 3:  # two are answered; it says so as it goes on
                stderr += process.stderr.readline()
                assert process.poll() is None
            process.send_signal(signal.SIGKILL)
            stderr += process.stderr.read()
    assert journal_names(tmp_path / "store") != []
    assert [leak for text in texts_of(tmp_path / "store") for leak in leaks(text)] == []
    assert leaks(stderr.decode()) == []


def test_key__is_blotted_out_of_json_inside_json(monkeypatch: pytest.MonkeyPatch):
    spelt = "".join(f"\\u{ord(char):04X}" for char in CANARY)
    for _ in range(3):
        assert Key(CANARY).redact(f"pale {spelt} trim") == "pale [key] trim"
        spelt = json.dumps(spelt)[1:-1]


@pytest.mark.parametrize(
    "url",
    ["http://bob:{}@127.0.0.1:9/v1", "http://{}@127.0.0.1:9/v1", "http://127.0.0.1:9/v1?key={}",
     "http://127.0.0.1:9/v1#{}"],
)  # fmt: skip
@pytest.mark.parametrize("how", ["flag", "variable", "file"])
def test_base_url__with_a_secret_is_refused_with_2_and_not_repeated(
    call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, how: str
):
    secret = url.format(CANARY.replace("/", ""))
    config = tmp_path / "c.yaml"
    config.write_text(f"base_url: '{secret}'\n" if how == "file" else "{}")
    if how == "variable":
        monkeypatch.setenv("OPENAI_BASE_URL", secret)
    given = ["--base-url", secret] if how == "flag" else ["--config", config]
    store = tmp_path / "store"
    asked = ["--provider", "openai", "--model", "m", "--store", store, *given]
    done = call(DESC, "generate", "--dataset", "camvid", *asked)
    assert done.code == 2
    assert "OPENAI_API_KEY" in done.err
    assert leaks(done.out + done.err) == []
    assert not store.exists()


@pytest.mark.parametrize("how", ["flag", "file"])
def test_key__given_where_none_belongs_is_refused_with_2_and_not_repeated(
    call, tmp_path: Path, how: str
):
    config = tmp_path / "c.yaml"
    config.write_text(f"api_key: {CANARY}\n")
    given = [f"--api-key={CANARY}"] if how == "flag" else ["--config", config]
    done = call(DESC, "generate", "--dataset", "camvid", "--store", tmp_path / "store", *given)
    assert done.code == 2
    assert leaks(done.out + done.err) == []


def test_proxy__whose_password_is_wrong_or_who_is_not_there_is_named_without_it(tmp_path: Path):
    proxy = f"http://bob:{CANARY.replace('/', '')}@127.0.0.1:9"
    through = {"NO_PROXY": "", "no_proxy": "", "HTTP_PROXY": proxy}
    with OpenAIServer() as server:
        asked = (*flags(tmp_path, server), "--base-url", "http://llm.example:8000/v1")
        done = run_program(*asked, before=LOUD, variables={**SECRETS, **through})
    assert done.returncode == 5
    assert "a proxy stands between (HTTP_PROXY names 127.0.0.1:9)" in done.stderr
    assert leaks(done.stdout + done.stderr) == []
