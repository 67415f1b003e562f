"""Labelled pictures: decoded, labelled, augmented, batched."""
