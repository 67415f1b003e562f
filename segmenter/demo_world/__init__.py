"""A rendered world of illustrated scenes, and the small ViT pretrained on it."""
