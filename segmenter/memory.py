"""Tell an allocation that failed from every other error.

In:  what was raised.
Out: whether the memory, of the machine or of its GPU, was too small.
"""

import torch


def is_out_of_memory(exc: BaseException) -> bool:
    """Torch says on a CPU only in words that it could not allocate, or map a file."""
    if isinstance(exc, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(exc, RuntimeError) and "alloc" in str(exc)
