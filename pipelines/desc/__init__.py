"""The commands of `langseg-desc`, one file each (settings, run, result), and what several share."""
