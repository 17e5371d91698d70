"""Replicas: chunks go to W of R nodes before a write counts, and come from whichever node has them."""
