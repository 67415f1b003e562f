"""Pictures made worse on purpose, and the scores that are left."""
