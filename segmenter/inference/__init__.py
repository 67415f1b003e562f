"""One picture in, one mask out, and the files that hold it."""
