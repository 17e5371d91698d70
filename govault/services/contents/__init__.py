"""Bytes on their way in and out: uploads, commits, downloads, archives, and what a content is."""
