"""Control arms: banks of other texts in the same places, to hold the real one against."""
