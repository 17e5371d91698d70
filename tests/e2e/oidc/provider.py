"""Runs Canaille, an identity provider: its people and clients come as a JSON document on stdin.

It runs in an environment of its own (``environment.py``) and imports nothing of GoVault.
"""

import datetime
import json
import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server


def main() -> None:
    """Write the issuer to stdout once it can be asked, and serve until the process is ended."""
    asked = json.load(sys.stdin)

    def serve(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return app(environ, start)

    server = make_server("127.0.0.1", 0, serve, threaded=True)
    address = f"127.0.0.1:{server.server_port}"
    key = RSAKey.generate_key(2048, auto_kid=True)
    app = create_app(
        {
            "SECRET_KEY": "of a test",
            "SERVER_NAME": address,
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False, "HTMX": False},
            # No client is trusted without asking: people see the consent page.
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)], "TRUSTED_DOMAINS": []},
        }
    )
    with app.app_context():
        for person in asked["people"]:
            Backend.instance.save(models.User(**person))
        for client in asked["clients"]:
            since = datetime.datetime.now(datetime.UTC)
            known = models.Client(client_id_issued_at=since, **client)
            Backend.instance.save(known)
            # Its tokens are for itself, which can be named once it is known.
            known.audience = [known]
            Backend.instance.save(known)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    print(f"http://{address}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
