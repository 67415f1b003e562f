"""The commands of `langseg-desc`, one file each: settings, run, result."""
