"""The commands of `langseg-desc`, by kind: flags in, words out."""
