"""What `import langseg` gives a program: descriptors into a store, a model, masks. Says nothing."""
