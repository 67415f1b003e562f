"""The contract between words and pixels: rows, keys, files, SQL and the TextBank.

This folder is code. Run data lives in ``./langseg-store`` and ``./runs``, never here.
"""
