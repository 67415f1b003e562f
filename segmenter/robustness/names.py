"""Name the corruptions and their severities, for settings that load nothing heavy.

Out: names; what stands behind each is in ``corrupt``.
"""

from typing import Literal, get_args

Corruption = Literal[
    "occlusion", "clutter", "low_resolution", "noise", "blur", "jpeg", "fog", "night"
]
CORRUPTIONS: tuple[Corruption, ...] = get_args(Corruption)
SEVERITIES = (1, 2, 3, 4, 5)
