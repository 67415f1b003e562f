"""Text encoders: texts in, unit vectors out, pinned by the hash of their weights."""
