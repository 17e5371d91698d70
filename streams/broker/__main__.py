"""`python -m streams.broker`: the broker as a child of its node."""

import sys

# kio's types register themselves with hypothesis where that is installed, which costs 200 MB
# and more than a second; the broker never generates data.
sys.modules.setdefault("hypothesis", None)  # type: ignore[arg-type]

from streams.broker.child import main  # noqa: E402 - after the line above, which it depends on

sys.exit(main(sys.argv[1:]))
