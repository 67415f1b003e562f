from pathlib import Path

import pytest

from langseg.cache.user_cache import user_cache


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"LANGSEG_CACHE": "/fast", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/fast"),
        ({"LANGSEG_CACHE": "", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/langseg"),
        ({"LANGSEG_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/langseg"),
        ({"LANGSEG_CACHE": "~/kept", "HOME": "/h"}, "/h/kept"),
    ],
)
def test_user_cache__is_where_the_environment_says(monkeypatch, environment, wanted):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert user_cache() == Path(wanted)
