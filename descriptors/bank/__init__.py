"""From stored descriptors to a TextBank: which answers are taken, and how they are laid out."""
