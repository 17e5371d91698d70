"""``python -m govault.cli``: the same as ``govault``."""

from govault.cli.main import main

main()
