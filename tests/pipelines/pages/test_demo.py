"""The page holds everything it shows, and text on it stays text."""

import re
from html.parser import HTMLParser

from langseg.pipelines.pages.demo import Picture, Stage, render_page

NASTY = '<script>alert("x")</script>'


def page() -> str:
    return render_page(
        title=NASTY,
        lead="lead",
        tiles={"mIoU": "61.0%"},
        pictures=[Picture(png=b"\x89PNG", alt=NASTY, caption=f"\x1b[31m{NASTY}")],
        classes=[{"name": NASTY, "iou": 0.5, "phrases": NASTY}],
        dropped="1 of 3",
        audit=[{"question": "Who?", "columns": ["model"], "rows": [[NASTY], [None]]}],
        stages=[Stage(name="train", command="langseg-seg train", seconds=1.5)],
        store="langseg-store",
    )


def test_page__escapes_every_text():
    assert "<script" not in page()
    assert page().count("&lt;script&gt;") == 7
    assert "\x1b" not in page()


def test_page__loads_nothing_from_outside():
    assert re.findall(r"(?:src|href)=\"(?!data:)", page()) == []
    assert 'src="data:image/png;base64,iVBORw=="' in page()


def test_page__closes_every_tag():
    open_tags: list[str] = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "img", "br"):
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Checker().feed(page())
    assert open_tags == []
