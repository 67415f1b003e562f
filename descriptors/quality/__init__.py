"""How good descriptors are, without an image: flags, discriminability, sets side by side."""
