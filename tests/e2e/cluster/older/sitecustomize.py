"""Makes a Python process an older program: it knows rules 1 only. Python imports this before anything else.

Tests put its folder on PYTHONPATH, so that the processes that a node starts are older too. Nothing of it is shipped.
"""

from govault.domain import rules

rules.RULES_LATEST = 1
