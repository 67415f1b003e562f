import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real samples that are not part of the repository."""
    default = Path(__file__).parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("LANGSEG_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no sample data: set LANGSEG_SHARED_DATA (looked at {folder})")
    return folder
