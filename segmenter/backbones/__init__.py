"""Frozen ViTs: a picture in, feature maps out."""
