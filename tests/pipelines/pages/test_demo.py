"""The page holds everything it shows, and text on it stays text."""

import re
from html.parser import HTMLParser

from langseg.pipelines.pages.demo import LegendEntry, Picture, Stage, Step, render_page
from langseg.pipelines.shared.audit_report import StandingAnswer

NASTY = '<script>alert("x")</script>'


def page() -> str:
    return render_page(
        title=NASTY,
        lead="lead",
        tiles={"mIoU": "61.0 %"},
        pictures=[
            Picture(
                panels={"image": b"\x89PNG", "prediction": b"\x89PNG"},
                caption=f"\x1b[31m{NASTY}",
                legend=[
                    LegendEntry(
                        name=NASTY, colour=(6, 230, 230), annotated="31.2 %", predicted="-"
                    ),
                    LegendEntry(name="other", colour=None, annotated="0.4 %", predicted="0.3 %"),
                ],
            )
        ],
        classes=[{"name": NASTY, "iou": 0.5, "phrases": NASTY}],
        dropped="1 of 3",
        audit=[
            StandingAnswer(name="who", question="Who?", columns=["model"], rows=[[NASTY], [None]])
        ],
        audit_page="audit.html",
        stages=[Stage(name="train", command="langseg-seg train", seconds=1.5)],
        next_steps=[Step(what=NASTY, command="langseg-seg predict photo.jpg")],
    )


def test_page__escapes_every_text():
    assert "<script" not in page()
    assert page().count("&lt;script&gt;") == 10
    assert "\x1b" not in page()


def test_page__loads_nothing_from_outside_and_links_to_its_sections_and_the_audit():
    addresses = re.findall(r"(?:src|href)=\"([^\"]+)", page())
    assert addresses.count("data:image/png;base64,iVBORw==") == 2
    links = [address for address in addresses if not address.startswith("data:")]
    assert set(links) >= {"#pictures", "#classes", "#next", "audit.html"}
    for link in links:
        assert link == "audit.html" or f'id="{link.removeprefix("#")}"' in page()


def test_page__has_the_legend_as_text_with_both_shares():
    """Drawn into the picture it could not be read on a telephone."""
    assert '<i class="swatch" style="background: rgb(6, 230, 230)"></i>' in page()
    assert "<span>31.2 % / -</span>" in page()
    assert '<i class="swatch"></i><span>other</span>' in page()


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
