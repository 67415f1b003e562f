"""What a head is trained on: the terms of the paper's total loss, one file each."""
