"""Frozen features, computed once and read many times."""
