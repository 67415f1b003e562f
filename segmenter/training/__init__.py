"""The training loop, its settings and the words each step sees."""
