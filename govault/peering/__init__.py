"""Between nodes: identities, mutually pinned TLS, calls and their server."""
