"""Where the pictures and labels of each dataset lie: one file a dataset."""
