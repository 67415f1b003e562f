"""Stage two: image -> frozen ViT -> head -> collapse K by scene -> logits -> exact argmax -> mask.

Nothing here knows an LLM, a text encoder or the network: text arrives as a TextBank.
"""
