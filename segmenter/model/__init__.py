"""A backbone and a head as one module, and its checkpoints."""
