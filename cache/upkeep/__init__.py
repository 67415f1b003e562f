"""Keep a store whole and small: verify, repair, compact, collect garbage."""
