"""Measurements: what the process costs and how fast it is. Nothing here asserts; nothing else depends on it."""
