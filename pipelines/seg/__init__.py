"""The commands of `langseg-seg`, one file each (settings, run, result), and their common inputs."""
