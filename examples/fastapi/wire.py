"""The few things that ASGI cannot say to uvicorn, said to it directly. Everything else is plain FastAPI."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

# How long a connection may linger once the server is done with it, and its peer neither reads nor closes.
LINGER_S = 10.0
# uvicorn keeps every fragment of a message, also those without payload, which `ws_max_size` does not see.
MAX_FRAGMENTS = 16_384


class ParlorProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, whose connections end also when nobody reads them."""

    # region keepalive
    def keepalive_timeout(self) -> None:
        """Closes 4201 in place of 1011, and at once: a close that waits to be read never comes."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.fail(4201, "heartbeat_timeout")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 4201, "reason": "heartbeat_timeout"})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()
    # endregion keepalive

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells an end without a Close frame, which is 1006, from a Close frame without a code, which is 1005."""
        if not self.close_sent:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Sends the library's 414 or 431 for a head that it does not read: uvicorn leaves the client waiting."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_cont(self, event: Any) -> None:
        """Collects a fragment; a message of too many closes 1008."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        elif not self.close_sent:
            self.conn.fail(1008, "too many fragments")
            self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Sends the Close frame and reads on: closing a socket with unread bytes resets it, and loses the code."""
        if self.close_sent:
            return
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(LINGER_S, self.transport.abort)
        if self.transport.can_write_eof():
            self.transport.write_eof()

    async def run_asgi(self) -> None:
        """Runs the application, and gives the peer a bounded time to read what is left."""
        await super().run_asgi()
        self.loop.call_later(LINGER_S, self.transport.abort)

    async def send(self, message: Any) -> None:
        """Refuses to send on a connection that uvicorn itself has closed, as on any other that is gone."""
        if self.close_sent:
            self.disconnected = True
        await super().send(message)
        # uvicorn takes a handshake that was answered with an HTTP response for one that was forgotten, and logs it.
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True
