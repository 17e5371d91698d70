"""Many nodes: who belongs, who is alive, who holds what, and what of it members and people put on ``.peers``."""
