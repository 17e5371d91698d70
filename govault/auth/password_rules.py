"""Which passwords are refused because anybody tries them first (NIST SP 800-63B, 3.1.1.2).

The list is that of zxcvbn: thirty thousand passwords of leaks, of which those that are long enough count. Words of this
vault are refused with digits and signs around them: ``govault2026``, or one's own login.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache

from govault.errors import InvalidRequest

WORDS = ("admin", "administrator", "govault", "operator", "password", "passwort", "vault")
"""Of the program and its roles."""


def check_guessable(password: str, about: Sequence[str] = ()) -> None:
    """Refuse what is guessed first.

    Args:
        about: What is known of whose password it is: login, name, e-mail address.

    Raises:
        InvalidRequest: It is on the list, or one of the words with little around it.
    """
    folded = unicodedata.normalize("NFKC", password).casefold()
    bare = "".join(sign for sign in folded if sign.isalpha())
    known = (unicodedata.normalize("NFKC", word).casefold() for said in about for word in (said, *said.split("@")))
    words = {*WORDS, *("".join(sign for sign in word if sign.isalpha()) for word in known)}
    if folded in _common() or bare in words - {""} or folded in words:
        raise InvalidRequest(
            "this password is one of those that are guessed first; take another, such as a few words in a row",
            rule="accounts.password-guessable",
        )


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])
