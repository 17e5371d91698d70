"""What keeps a vault well: collection, checks, retention, backup and recovery, health, and the workers behind them."""
