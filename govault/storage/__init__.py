"""The chunk store: sealed chunks in append-only packs, an index beside them, and the vault's keys."""
