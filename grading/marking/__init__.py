"""A submission's answers run here, cut off from all else, and are checked from outside."""
