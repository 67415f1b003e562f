"""What turns requests into responses: packs, files, the OpenAI API, its Batch API, vLLM."""
