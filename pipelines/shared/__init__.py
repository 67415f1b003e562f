"""What the commands share: the terminal, progress, settings, files to write."""
