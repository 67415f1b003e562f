"""Cosines of every pixel with every class.

In:  pixel vectors [B, h, w, D or e] and unit class vectors [B, C, D].
Out: [B, C, h, w].
"""

import torch
from torch import Tensor, nn

MIN_LENGTH = 1e-4  # of a pixel vector; below it the cosine shrinks to 0


def cosines(pixels: Tensor, classes: Tensor) -> Tensor:
    """Unit [B, h, w, D] and [B, C, D] -> [B, C, h, w]; classes last in memory, for the softmax."""
    b, h, w, _ = pixels.shape
    return torch.bmm(pixels.flatten(1, 2), classes.mT).view(b, h, w, -1).permute(0, 3, 1, 2)


def projected_cosines(pixels: Tensor, to_text: nn.Linear, classes: Tensor) -> Tensor:
    """Cosines of ``to_text(pixels)`` with the classes, without ever making it.

    With y = W x + b: <y, t> = <x, W't> + <b, t> and |y|^2 = x'W'W x + 2 <W'b, x> + <b, b>, so all
    work per pixel is in the width e of x; the text width D may be ten times that.

    Args: pixels: [B, h, w, e]; classes: [B, C, D] unit rows. Returns: [B, C, h, w].
    """
    weight, bias = to_text.weight, to_text.bias
    b, h, w, _ = pixels.shape
    x = pixels.flatten(1, 2)
    dots = torch.baddbmm((classes @ bias).unsqueeze(1), x, (classes @ weight).mT)
    squares = ((x @ (weight.mT @ weight) + 2 * (bias @ weight)) * x).sum(dim=-1) + bias @ bias
    lengths = squares.clamp_min(MIN_LENGTH**2).sqrt().unsqueeze(-1)
    return (dots / lengths).view(b, h, w, -1).permute(0, 3, 1, 2)
