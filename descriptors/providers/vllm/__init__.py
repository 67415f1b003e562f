"""A local model in this process, through vLLM."""
