"""Writing to the log and reading it: one way in, what refusals mean, audit, checkpoints, and the log for people."""
