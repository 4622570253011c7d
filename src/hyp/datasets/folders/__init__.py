"""Images in folders: with a table of latents, or sorted into one folder a class."""
