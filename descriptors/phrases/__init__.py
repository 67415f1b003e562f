"""The words themselves: characters, language, names that leak, phrases that contradict."""
