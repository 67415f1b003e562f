"""A TextBank as tensors, and the collapse of K descriptors to one vector a class."""
