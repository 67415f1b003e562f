"""Scores of a model on a labelled dataset, from one confusion matrix."""
