"""What protects the pages in a browser: header fields, and requests that are refused.

Who may ask at all is decided before (`sidecar.http.authentication`). A browser sends its
credentials, or comes from this machine, whatever site has made it do so: so a request that another
site has caused is refused, unless a person follows a link to a page.
"""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Request, Response
from werkzeug.exceptions import Forbidden, HTTPException

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Of the content: nothing but what this listener serves itself, and no inline script or style.

The classless stylesheet embeds pictures as data. A browser may load them before it has read the
sheet that replaces them. Scripts in such a picture are never run.
"""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    # With `no-referrer` a form would send `Origin: null`, which no other site can be told from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

_SAFE_METHODS = ("GET", "HEAD")
_OWN_SITE = ("same-origin", "none")
"""Values of `Sec-Fetch-Site`: our own pages, and what a person has typed."""


class MisdirectedRequest(HTTPException):
    """A request for a name that this listener does not have."""

    code = HTTPStatus.MISDIRECTED_REQUEST.value


def protect(response: Response) -> Response:
    """Set the header fields of every page."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def check_origin(request: Request, *, has_tokens: bool) -> None:
    """Refuse a request that another site has made a browser send.

    Args:
        request: Before it is answered.
        has_tokens: Whether it has shown a token. Where none is needed, only this machine can
            connect; then the name must be one of this machine, since a site can have its own name
            point to it.

    Raises:
        HTTPException: It is refused.
    """
    if not has_tokens and not _is_of_this_machine(request.host):
        message = "Open the page by a name of this machine: `localhost` or `127.0.0.1`."
        raise MisdirectedRequest(message)
    site = request.headers.get("Sec-Fetch-Site")
    if request.method in _SAFE_METHODS:
        is_link = request.headers.get("Sec-Fetch-Mode") == "navigate"
        if site is not None and site not in _OWN_SITE and not is_link:
            raise Forbidden("Another site has asked for this; open the page itself.")
        return
    origin = request.headers.get("Origin")
    if site is None and origin is None:
        raise Forbidden("Send this form from the page itself: there is no `Origin`.")
    if site is not None and site != "same-origin":
        raise Forbidden("Another site has sent this form; open the page itself.")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Forbidden("Another site has sent this form; open the page itself.")


def _is_of_this_machine(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
