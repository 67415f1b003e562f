"""Nothing of this machine's own network settings reaches these tests."""

import pytest

from tests.support.asking import CANARY


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """A key, no proxy, and no certificates: nothing here speaks TLS, and they load in 80 ms."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
