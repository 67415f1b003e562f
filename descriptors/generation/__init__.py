"""Run a plan against a provider: what is settled, what it costs, what came back."""
