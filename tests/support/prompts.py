"""Prompts for tests that do not care how many items are asked for."""

from langseg.descriptors.prompts.prompt import Prompt, load_prompt


def some_prompt(**counts: int) -> Prompt:
    """The shipped prompt; eight attributes, four subclasses with one phrase, three of a scene."""
    usual = {"n_attributes": 8, "n_subclasses": 4, "n_per_subclass": 1, "n_scene_attributes": 3}
    return load_prompt(**{**usual, **counts})
