"""Fill the template of a page, so that no text of it can be more than text.

In:  a template of this folder, its values and filters.
Out: HTML in which every text is escaped and holds no control character.
"""

import base64
from collections.abc import Callable, Mapping
from importlib.resources import files as package_files

from langseg.pipelines.shared.console import plain


def filled(name: str, filters: Mapping[str, Callable[..., object]], **values: object) -> str:
    """The page ``templates/<name>``. Its filter ``data_uri`` makes a JPEG part of the page."""
    import jinja2

    source = package_files("langseg.pipelines.pages").joinpath("templates", name)
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
    environment.filters |= {"data_uri": _data_uri, **filters}
    return environment.from_string(source.read_text("utf-8")).render(**values)


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
