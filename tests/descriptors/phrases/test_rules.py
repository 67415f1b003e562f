"""A phrase is kept, or dropped for one named reason."""

from langseg.descriptors.phrases.rules import phrase_verdict


def test_phrase_verdict__has_no_names_to_look_for_unless_they_are_given():
    assert phrase_verdict("a flat shelf") == ""
