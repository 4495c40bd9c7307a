"""Mail with secret tokens, and the tokens themselves.

The service stores hashes only: whoever reads its database can neither sign in nor accept.
"""

from __future__ import annotations

import logging
import secrets
import smtplib
from email.message import EmailMessage
from hashlib import sha256

LOG = logging.getLogger("team_service")
SECONDS = 5


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """Return the hash of a token. It is random, so that a plain hash cannot be turned round."""
    return sha256(token.encode()).hexdigest()


class Mailer:
    """Sends mail through one SMTP server."""

    def __init__(self, server: str, sender: str) -> None:
        host, _, port = server.rpartition(":")
        self._server = host, int(port)
        self._sender = sender

    def send(self, to: str, subject: str, *lines: str) -> bool:
        """Send a mail, and return whether the server has taken it.

        A mail cannot be taken back, so it is sent after the commit; if it fails, the person can
        ask for another one.
        """
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, subject
        message.set_content("\n".join(lines) + "\n")
        try:
            with smtplib.SMTP(*self._server, timeout=SECONDS) as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            LOG.warning("a mail could not be sent: %s", type(error).__name__)
            return False
        return True
