"""A dataset's name is said as a person says it, and what is heard in it is a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langseg.descriptors.phrases.names import NameFinder
from langseg.descriptors.phrases.spoken import NAME_CHARS, Spoken, heard, said_apart, spoken


@pytest.mark.parametrize(
    "name",
    [
        "wall", "traffic light", "double-decker", "T-shirt", "child's room", "playing field",
        "7-Eleven", "St. Bernard", "T.V. set", "50% sale sign", "3.5 mm jack", "A/C unit", "N/A",
        "café table", "dog's bowl", "iPhone", "M&M's", "C++", "window-blind", "стена", "壁", "0",
    ],
)  # fmt: skip
def test_plain_name__is_said_as_it_stands(name: str):
    said = spoken(name)
    assert said == Spoken(name=name)
    assert said.text == name


@pytest.mark.parametrize(
    ("name", "plain", "others", "kind"),
    [
        ("traffic_light", "traffic light", (), ""),
        ("bow_(weapon)", "bow", (), "weapon"), ("bow_(weapon)_2", "bow", (), "weapon, 2"),
        ("50/50 beam", "50/50 beam", (), ""),
        ("Traffic Sign (Front)", "Traffic Sign", (), "Front"),
        ("monitor_(computer_equipment) computer_monitor", "monitor", ("computer monitor",),
         "computer equipment"),
        ("car(s)", "car", (), ""),
        ("traffic light: red", "traffic light", (), "red"),
        ("Crosswalk - Plain", "Crosswalk", (), "Plain"),
        ("light, red", "light", (), "red"),
        ("field/wild", "field", (), "wild"),
        ("car/vehicle", "car", ("vehicle",), ""),
        ("Bottle / Gloves", "Bottle", ("Gloves",), ""),
        ("Cutting/chopping Board", "Cutting Board", ("chopping Board",), ""),
        ("door;double door", "door", ("double door",), ""),
        ("car, auto, automobile", "car", ("auto", "automobile"), ""),
        ("001.Black_footed_Albatross", "Black footed Albatross", (), ""),
        ("n02085620-Chihuahua", "Chihuahua", (), ""),
        ("TrafficLight", "traffic light", (), ""),
        ("SUVPickupTruck", "SUV pickup truck", (), ""),
        ("floor-wood", "wood floor", (), ""),
        ("Kitchen & dining room table", "Kitchen and dining room table", (), ""),
        ("Kitchen &amp; dining room table", "Kitchen and dining room table", (), ""),
        ("jack-o’-lantern", "jack-o'-lantern", (), ""),
        ("“STOP” sign", '"STOP" sign', (), ""),
        ("bottle w/ cap", "bottle with cap", (), ""),
        ("🚗 car", "car", (), ""),
        ("Band-Aid®", "Band-Aid", (), ""),
        ("Straßen\u00adbahn", "Straßenbahn", (), ""),
        ("ｃａｒ（ｂｉｇ）", "car", (), "big"),
    ],
)  # fmt: skip
def test_name__of_a_dataset_is_made_plain(
    name: str, plain: str, others: tuple[str, ...], kind: str
):
    said = spoken(name)
    assert (said.name, said.others, said.kind) == (plain, others, kind)


@pytest.mark.parametrize(
    ("name", "plain", "note"),
    [
        ("wall-other-merged", "wall", "any wall that has no class of its own"),
        ("other–construction", "construction", "any construction that has no class of its own"),
        ("VegetationMisc", "Vegetation", "any vegetation that has no class of its own"),
        ("dirt-merged", "dirt", "dirt of any kind"),
        ("construction--flat--road", "road", "of the group flat, construction"),
        ("construction--flat--bike-lane", "bike lane", "of the group flat, construction"),
        ("object--traffic-sign--front", "traffic sign", "of the group object"),
        ("vehicle.bus.rigid", "bus", "of the group vehicle"),
        ("vehicle:car", "car", "of the group vehicle"),
    ],
)
def test_name__that_places_its_class_among_others_says_so_in_its_note(
    name: str, plain: str, note: str
):
    assert (spoken(name).name, spoken(name).note) == (plain, note)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("car/vehicle", "car or vehicle"),
        ("bow_(weapon)", "bow (weapon)"),
        ("big_cat/lynx", "big cat or lynx"),
    ],
)
def test_text__is_what_a_text_encoder_reads(name: str, text: str):
    assert spoken(name).text == text


def test_names__that_are_said_alike_are_told_apart():
    names = ["wall", "wall-other", "vehicle--car", "car", "car (red)", "car_(red)", "sky"]
    assert said_apart(names, [spoken(name) for name in names]) == (
        "wall", "other wall", "car (of the group vehicle)", "car", "car (red)", "car_(red)", "sky",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("car/vehicle", "one small vehicle parked"), ("car/vehicle", "cars in a row"),
        ("bow_(weapon)", "a taut bow of wood"), ("wall-other-merged", "white walls behind it"),
        ("other-construction", "a construction of steel"), ("other vehicle", "vehicles parked"),
        ("traffic light: red", "the traffic light shines"), ("T.V. set", "a TV set on a stand"),
        ("50% sale sign", "a sale sign on glass"), ("café table", "a cafe table of iron"),
        ("dog's bowl", "a dog bowl of steel"), ("object--vehicle--car", "one car with wheels"),
        ("Kitchen & dining room table", "a dining room table of oak"),
        ("Kitchen & dining room table", "long kitchen tables"),
        ("Washing machine & dryer", "a dryer with a drum"), ("TrafficLight", "traffic lights up"),
        ("door;double door", "double doors of glass"), ("jack-o’-lantern", "a jack o lantern"),
        ("Clock/Time Piece", "a round clock face"), ("🚗 car", "a car with wheels"),
        ("ｃａｒ", "a car with wheels"), ("wall-other-merged", "wall other merged surface"),
    ],
)  # fmt: skip
def test_phrase__that_says_what_is_heard_in_a_name_names_the_class(name: str, phrase: str):
    assert NameFinder([name]).is_in(phrase)


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("traffic light: red", "red lens at the top"), ("bow_(weapon)", "a weapon of bent wood"),
        ("object--traffic-sign--front", "seen from the front"), ("vehicle.other", "other areas"),
        ("construction--flat--road", "flat grey surface"), ("roof (metal)", "ribbed metal sheets"),
        ("wall-other-merged", "other surfaces"), ("50% sale sign", "half of the price, 50%"),
        ("Kitchen & dining room table", "stands in a kitchen"), ("field/wild", "wild flowers"),
    ],
)  # fmt: skip
def test_phrase__that_says_only_which_kind_a_name_means_does_not_name_the_class(
    name: str, phrase: str
):
    assert not NameFinder([name]).is_in(phrase)


@given(st.text(max_size=NAME_CHARS))
def test_any_name__is_said_with_something_and_always_heard(name: str):
    said = spoken(name)
    assert said.name or not name
    assert heard(name)[0] == name
    assert said.text == said.text.strip() or said.name == name


@given(st.lists(st.text(alphabet="ab_-/()A. ", min_size=1, max_size=8), unique=True, max_size=6))
def test_any_names__are_said_apart(names: list[str]):
    texts = said_apart(names, [spoken(name) for name in names])
    assert len(set(texts)) == len(names)
