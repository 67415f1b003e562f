"""The Batch API of OpenAI: half the price, within a day."""
