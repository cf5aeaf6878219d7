"""How large a body may be, whatever its Content-Length says or does not say."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from solon.serve.protocol import ApiError, error_response

# A client that writes all before it reads never sees an answer that comes early, so this many times the
# limit is read and thrown away first.
_DRAIN = 8


class BodyLimit:
    """Reads bodies of up to `limit` bytes for the app; larger ones are answered 413 and never kept."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await self._read(receive)
        if body is None:
            return
        if len(body) > self.limit:
            await self._refuse(scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self.app(scope, replay, send)

    async def _read(self, receive: Receive) -> bytearray | None:
        """The body, or if it is too large more than `limit` bytes of it; None when the client is gone."""
        body = bytearray()
        size, more = 0, True
        while more and size <= self.limit * _DRAIN:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            size += len(chunk)
            more = bool(message.get("more_body", False))
            if len(body) <= self.limit:
                body += chunk
        return body

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = ApiError(413, f"the body is larger than {self.limit:,} bytes", "request_too_large")
        await error_response(error, {"connection": "close"})(scope, receive, send)
