"""Who may ask: loopback by default, anyone with the key otherwise.

Without a key, requests must also name this machine in their Host header, or any web page could reach
the server through the user's own browser (DNS rebinding).
"""

from __future__ import annotations

import hmac
import ipaddress
import socket

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from solon.errors import ConfigError
from solon.serve.protocol import ApiError, error_response

OPEN_PATHS = ("/healthz",)


def bind(host: str, port: int, *, has_key: bool, key_env: str) -> socket.socket:
    """A TCP socket bound to `host`, not listening yet. Port 0 takes a free one.

    Raises ConfigError when the address cannot be had, or is not loopback although there is no key.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise ConfigError(f"host: cannot resolve '{host}'; use 127.0.0.1 or an address of this machine") from None
    if not has_key and not is_loopback(str(address[0])):
        raise ConfigError(
            f"host: {host} is reachable from other machines; put a key into the environment variable {key_env}, "
            "or use --host 127.0.0.1"
        )
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigError(f"port: cannot listen on {host}:{port}: {error.strerror}; choose another --port") from None
    return listener


def is_loopback(address: str) -> bool:
    """Whether `address` (digits, no name) is this machine alone."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _names_this_machine(host: str) -> bool:
    """Whether a Host header (name or address, perhaps with a port) says localhost."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.lower() == "localhost" or is_loopback(name)


class Access:
    """Answers 401 without the key (None: no key needed) and, if `local_only`, 403 under a foreign name.

    It stands in front of everything, so that a body is read only for those who may ask.
    """

    def __init__(self, app: ASGIApp, api_key: str | None, local_only: bool) -> None:
        self.app, self.local_only = app, local_only
        self._key = api_key.encode() if api_key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = None
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            error = self._refusal(Headers(scope=scope))
        if error is None:
            await self.app(scope, receive, send)
            return
        headers = {"www-authenticate": "Bearer"} if error.status == 401 else None
        await error_response(error, headers)(scope, receive, send)

    def _refusal(self, headers: Headers) -> ApiError | None:
        if self.local_only and not _names_this_machine(headers.get("host", "")):
            return ApiError(403, "without an API key this server answers to localhost only", "host_not_allowed")
        if self._key is None:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # Headers come as latin-1; back to the bytes that were sent.
        right = hmac.compare_digest(given.strip().encode("latin-1"), self._key)
        if right and scheme.lower() == "bearer":
            return None
        return ApiError(401, "a valid API key is needed: Authorization: Bearer KEY", "invalid_api_key")
