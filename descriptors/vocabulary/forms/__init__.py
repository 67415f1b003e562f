"""Readers of class lists: a file for each family of forms, a function for each form."""
