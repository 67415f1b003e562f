"""Descriptors from and for others: imported files, exported datasets."""
