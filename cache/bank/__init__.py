"""The TextBank: the one thing the segmenter reads of the descriptors, and how it lies on disk."""
