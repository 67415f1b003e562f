"""A store in a folder nearby is found; one far away, and the one that is looked at, are not."""

from pathlib import Path

import pytest

from langseg.cache.store.store import Store
from langseg.pipelines.shared.near_stores import near_stores


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANGSEG_STORE", raising=False)
    (tmp_path / "work" / "project").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / "project")


@pytest.mark.parametrize(
    "place",
    ["langseg-store", "work/langseg-store", "work/other/langseg-store",
     "work/project/runs/langseg-store", "work/project/mine", "work/beside"],
)  # fmt: skip
def test_store_nearby__is_found(tmp_path: Path, place: str):
    there = Store.open(tmp_path / place, create=True).path
    assert near_stores(Path("langseg-store")) == [there.resolve()]
    assert near_stores(there) == []


@pytest.mark.parametrize("place", ["far/away/langseg-store", "work/project/a/b/langseg-store"])
def test_store_far_away__is_not_looked_for(tmp_path: Path, place: str):
    Store.open(tmp_path / place, create=True)
    assert near_stores(Path("langseg-store")) == []


def test_store_of_the_environment__is_near_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    far = Store.open(tmp_path / "far" / "away" / "s", create=True).path
    monkeypatch.setenv("LANGSEG_STORE", str(far))
    assert near_stores(Path("langseg-store")) == [far.resolve()]


@pytest.mark.slow
def test_plan__names_its_store_and_one_nearby_that_holds_the_answers(call, tmp_path: Path):
    Path("../c.txt").write_text("wall\nsky\n")
    store = tmp_path / "work" / "langseg-store"
    flags = ["--classes", "../c.txt"]
    assert call("langseg-desc", "generate", *flags, "--store", store).code == 0
    plan = call("langseg-desc", "plan", *flags, "--json").json
    assert plan["store"] == str(Path.cwd() / "langseg-store")
    assert plan["near_stores"] == {str(store.resolve()): 2}
    shown = call("langseg-desc", "plan", *flags).out
    assert "(not there yet)" in shown
    assert f"{store.resolve()}, which answers 2 of these requests" in shown
    refused = call("langseg-desc", "encode", *flags)
    assert f"another is near: --store {store.resolve()}" in refused.err
