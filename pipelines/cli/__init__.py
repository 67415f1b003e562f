"""The two command lines: flags in, words out."""
