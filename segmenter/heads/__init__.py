"""The small trained part: features and a TextBank in, class logits out."""
