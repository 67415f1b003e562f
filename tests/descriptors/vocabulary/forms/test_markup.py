"""Class lists in markup: Label Studio, CVAT, TensorFlow."""

import json
from pathlib import Path

import pytest

from tests.support.class_lists import listed, names, refusal

CONFIG = """<View>
  <!-- roads & signs -->
  <Image name="image" value="$image"/>
  <BrushLabels name="tag" toName="image">
    <Label value="sky" background="#FFA39E"/><Label value="stop sign" background="green"/>
  </BrushLabels>
  <RectangleLabels name="box" toName="image"><Label value="sky"/></RectangleLabels>
</View>
"""
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels>
<label><name>sky</name><color>#24b353</color></label><label><name>stop sign</name></label>
</labels></task></meta><image id="0" name="a.jpg"/></annotations>
"""
PBTXT = """# ours
item {
  id: 1
  name: 'sky'
}
item { name: "/m/02pv19" id: 2 display_name: "stop sign" }
"""


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        (CONFIG, "xml"),
        (CONFIG, "txt"),
        (CVAT, "xml"),
        (PBTXT, "pbtxt"),
        (PBTXT.partition("\n")[2], "txt"),
        (json.dumps({"id": 1, "title": "p", "label_config": CONFIG}), "json"),
    ],
)
def test_markup__has_its_names(text: str, suffix: str, tmp_path: Path):
    assert names(listed(tmp_path, text, suffix)) == ["sky", "stop sign"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<annotation><filename>a.jpg</filename><object><name>car</name></object></annotation>",
         "the annotation of one picture"),
        ("<View><Image name='i' value='$image'/></View>", "without a <Label"),
        ("<plist><dict/></plist>", "XML <plist>"),
        ("<View><Label value='a'/>", "XML that is broken"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><View><Label value="&a;"/></View>', "document type"),
        ("<!DOCTYPE html><html><body>404</body></html>", "a web page"),
    ],
)  # fmt: skip
def test_other_markup__is_refused(text: str, reason: str, tmp_path: Path):
    assert reason in refusal(tmp_path, text, "xml")


def test_label_studios_category__is_the_id(tmp_path: Path):
    config = CONFIG.replace('value="sky" background', 'value="sky" category="7" background')
    assert "row 2: id: wanted 0 to 65535 in every row" in refusal(tmp_path, config, "xml")
    config = config.replace('value="stop sign"', 'value="stop sign" category="3"').replace(
        '<Label value="sky"/>', ""
    )
    assert [(e.id, e.name) for e in listed(tmp_path, config, "xml").classes] == [
        (7, "sky"), (3, "stop sign"),
    ]  # fmt: skip
