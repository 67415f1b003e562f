"""Whether a bank's words help: arms that differ in words alone, and the verdict over them."""
