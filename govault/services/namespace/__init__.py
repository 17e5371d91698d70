"""Spaces, folders, files and versions by name: found, listed, changed, shared, and who may do that."""
