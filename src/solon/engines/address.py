"""A server's address and key: checked before anything is asked, and shown without what is secret in them."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from solon.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_EXAMPLE = "such as http://127.0.0.1:11434/v1"


def address_of(url: str, field: str = "base_url") -> str:
    """The address with its variables. Raises ConfigError, naming the `field`, for what is none."""
    try:
        check_address(url)
        return _VARIABLE.sub(_value, url)
    except ValueError as error:
        raise ConfigError(f"{field}: {error}") from None


def check_address(url: str) -> None:
    """Raises ValueError for what is no address of a server, or holds a password.

    Recipes are copied into the folders of runs and reports are sent around: who needs a user and a password in an
    address names variables of the environment, as in http://${USER}:${PASSWORD}@host/v1.
    """
    shown = "".join(c if c.isprintable() else "\ufffd" for c in without_userinfo(url))
    try:
        parts = urlsplit(_VARIABLE.sub("x", url))
        port = parts.port
        host = parts.hostname
    except ValueError as error:
        raise ValueError(f"'{shown}' is no address ({error}); give one {_EXAMPLE}") from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or not url.isprintable() or " " in url:
        raise ValueError(f"'{shown}' is no http address; give one {_EXAMPLE}")
    userinfo = urlsplit(url).netloc.rpartition("@")[0]
    if userinfo and _VARIABLE.sub("", userinfo).strip(":"):
        raise ValueError(
            f"the address of {host} holds a user or password, which would be copied with the recipe; put "
            "them into the environment and write http://${USER}:${PASSWORD}@…"
        )


def without_userinfo(url: str) -> str:
    """The address as it may be shown: whatever stands before an @ of its host is left out."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url.rpartition("@")[2]
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _value(found: re.Match[str]) -> str:
    """Of a variable of the environment."""
    if (said := os.environ.get(found[1])) is None:
        raise ValueError(f"the environment has no variable {found[1]}; set it, or take it out")
    return said


def valid_key(key: str | None, variable: str = "OPENAI_API_KEY") -> str:
    """The key without the blanks around it; "none" where there is none, for the client insists on one.

    Raises ConfigError for one that no header can carry, without showing it.
    """
    bare = (key or "").strip()
    if not bare.isascii() or not bare.isprintable():
        raise ConfigError(f"{variable}: the key holds a line break or a character beyond ASCII; copy it again")
    return bare or "none"
