"""Scores of a model on a labelled dataset, from confusion matrices."""
