"""The store on disk: an append-only journal, Parquet parts, and the manifests that list them."""
