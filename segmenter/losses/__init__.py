"""What a head is trained on: the paper's loss, a term a file, weighted and summed in ``total``."""
