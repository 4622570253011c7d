"""A local page over a store: runs as they go, verdicts, images, and what numbers rest on."""
