"""Public datasets with known latents, read from the files that their authors released."""
