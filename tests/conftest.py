"""What holds for every test."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

# One thread a process: workers of pytest-xdist with a thread for every core would wait for one
# another, and sums of floats depend on how they are split. torch reads this when it is first
# imported, and so do the programs that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

with suppress(ImportError):  # .ci/vllm has none
    from hypothesis import settings

    # the same examples each time, so that a failure is the change's own; a busy machine is none
    settings.register_profile("usual", derandomize=True, deadline=None)
    settings.register_profile("long", deadline=None, max_examples=1000)
    settings.load_profile("usual")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing is read from, or left in, the cache of whoever runs the tests."""
    os.environ["LANGSEG_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real samples that are not part of the repository."""
    default = Path(__file__).parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("LANGSEG_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no sample data: set LANGSEG_SHARED_DATA (looked at {folder})")
    return folder
