"""Vocabularies: the class lists that ship and those of users, checked, with their scenes."""
