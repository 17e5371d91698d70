"""Who may ask: accounts, groups, sessions, API tokens and invites, and who stands behind a request."""
