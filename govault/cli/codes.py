"""The exit codes there are. Which error gives which: ``govault.cli.exits``."""

OK = 0
ERROR = 1
USAGE = 2
NOT_FOUND = 3
NOT_ALLOWED = 4
CONFLICT = 5
PARTIAL = 6
INTERRUPTED = 130
