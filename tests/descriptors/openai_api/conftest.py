"""Certificates, and what a run asks a real server in these tests."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Pair = tuple[Path, Path]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    """Makes a self-signed certificate for a host, and its key; skips where nothing can."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    made: dict[str, Pair] = {}

    def make(host: str) -> Pair:
        if host not in made:
            folder = tmp_path_factory.mktemp(host)
            pair = folder / "certificate.pem", folder / "key.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-days", "2", "-subj", f"/CN={host}", "-addext",
                 f"subjectAltName=DNS:{host}", "-out", str(pair[0]), "-keyout", str(pair[1])],
                check=True, capture_output=True,
            )  # fmt: skip
            made[host] = pair
        return made[host]

    return make
