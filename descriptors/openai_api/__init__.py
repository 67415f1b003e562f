"""A server that speaks OpenAI's API: its address, the key, a client, faults, pace."""
