"""Parlor v1 on FastAPI and uvicorn: the endpoints, and the life of the server."""

import asyncio
import contextlib
import os
import random
import time
from types import FrameType
from typing import Any
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

import auth
import config
from connection import Connection
from hub import Hub
from log import log
from messages import timestamp
from wire import ParlorProtocol

# How long the drain waits for clients to answer their Close frames.
CLOSE_WAIT_S = 2.0
# How long it goes on answering requests after the notice.
CROSSING_S = 0.6

hub = Hub()
app = FastAPI(openapi_url=None)
NO_STORE = {"Cache-Control": "no-store"}


@app.exception_handler(HTTPException)
async def problem(_request: Request, error: HTTPException) -> JSONResponse:
    """Every HTTP error is a problem document."""
    content = {"type": "about:blank", "title": str(error.detail), "status": error.status_code}
    headers = {**NO_STORE, **(error.headers or {})}
    return JSONResponse(content, error.status_code, headers, media_type="application/problem+json")


@app.get("/ws")
async def plain_get() -> None:
    """A browser's address bar, or a monitor, that asks for no upgrade."""
    raise HTTPException(426, "Upgrade Required", {"Upgrade": "websocket", "Connection": "Upgrade"})


if "operations" in config.FEATURES:

    # region health
    @app.api_route("/stats", methods=["GET", "HEAD"])
    async def stats() -> JSONResponse:
        """Numbers for people."""
        return JSONResponse(hub.stats(), headers=NO_STORE)

    @app.api_route("/health/websocket", methods=["GET", "HEAD"])
    async def health() -> JSONResponse:
        """Whether a load balancer may send connections here."""
        status = "draining" if hub.draining else "healthy"
        content = {"status": status, "active_connections": hub.active(), "timestamp": timestamp()}
        return JSONResponse(content, 503 if hub.draining else 200, NO_STORE)
    # endregion health


if "session" in config.FEATURES:

    @app.post("/logout", status_code=204)
    async def logout(request: Request) -> None:
        """Ends the session of the cookie. A foreign page may not log anybody out."""
        if request.headers.get("origin") not in config.ALLOWED_ORIGINS:
            raise HTTPException(403, "Forbidden")
        for session in auth.credentials("", [], request.headers.getlist("cookie")).sessions:
            if session in config.SESSIONS:
                hub.revoke(session)


# region endpoint
@app.websocket("/ws")
async def endpoint(websocket: WebSocket) -> None:
    """One connection, from its opening handshake on."""
    headers = websocket.headers
    given = auth.credentials(
        websocket.scope["query_string"].decode("latin-1"), headers.getlist("authorization"), headers.getlist("cookie")
    )
    origin = headers.get("origin")
    offered = websocket.scope["subprotocols"]
    chosen = next((name for name in ("parlor.v1", "parlor.unsupported") if name in offered), None)

    refusal = None
    if hub.draining:
        refusal = PlainTextResponse("The server restarts.\n", 503, {"Retry-After": "5"})
    elif origin not in config.ALLOWED_ORIGINS if origin is not None else given.only_session:
        refusal = PlainTextResponse("This origin is not allowed.\n", 403)
    elif offered and chosen is None:
        refusal = PlainTextResponse("The subprotocol is parlor.v1.\n", 400)
    if refusal is not None:
        await websocket.send_denial_response(refusal)
        return

    # All other refusals come after the handshake, because a browser sees no HTTP status, only 1006.
    await websocket.accept(subprotocol=chosen)
    try:
        if chosen == "parlor.unsupported":
            raise auth.Refused(4002, "version_unsupported")
        connection = Connection(hub, websocket, auth.authenticate(given))
        if hub.draining:
            raise auth.Refused(1012, f"server_restart;retry_after_ms={random.randint(0, 5_000)}")
        hub.add(connection)
    except auth.Refused as refused:
        log("websocket_disconnect", uuid4().hex, code=refused.code, reason=refused.reason)
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.close(refused.code, refused.reason)
        return
    try:
        await connection.serve()
    finally:
        hub.remove(connection)
# endregion endpoint


# region drain
class Server(uvicorn.Server):
    """uvicorn, stopping in its own time: it would close every socket 1012 before anything could be said."""

    async def serve(self, sockets: list[Any] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, _frame: FrameType | None) -> None:
        """Begins the drain; a second signal ends the process. uvicorn's own handler makes the exit status 143."""
        if hub.draining:
            os._exit(128 + sig)
        hub.draining = True
        self.loop.call_soon_threadsafe(lambda: setattr(self, "drain_task", self.loop.create_task(self.drain())))

    async def drain(self) -> None:
        """Notices, Close frames, and the end."""
        for connection in hub.everyone():
            connection.notice()
        # Requests that cross the notice deserve an answer.
        await asyncio.sleep(min(CROSSING_S, config.GRACE_MS / 2000))
        for connection in hub.everyone():
            connection.farewell()
        await self.until(lambda: hub.active() == 0, config.GRACE_MS / 1000)
        for connection in hub.everyone():
            connection.drop()
        await self.until(lambda: not self.peers(), CLOSE_WAIT_S)
        for protocol in self.peers():
            protocol.transport.abort()
        self.should_exit = True

    def peers(self) -> list[ParlorProtocol]:
        """The WebSocket connections whose TCP connection is still open."""
        return [protocol for protocol in self.server_state.connections if isinstance(protocol, ParlorProtocol)]

    @staticmethod
    async def until(done: Any, seconds: float) -> None:
        """Waits for something, and no longer than given."""
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
# endregion drain


def main() -> None:
    """Starts the server."""
    config.check()
    interval, timeout = config.HEARTBEAT_INTERVAL_MS / 1000, config.HEARTBEAT_TIMEOUT_MS / 1000
    settings = uvicorn.Config(
        app,
        host=config.HOST,
        port=config.PORT,
        http="h11",
        ws=ParlorProtocol,
        ws_max_size=config.MAX_MESSAGE_BYTES,
        # region keepalive
        # uvicorn sends the next Ping once the last is answered. Early Pings leave more time for their answers: together
        # they stay within interval + timeout, and no answer that is waited for makes a Ping late.
        ws_ping_interval=interval * 0.4,
        ws_ping_timeout=min(interval, interval * 0.5 + timeout),
        # endregion keepalive
        ws_per_message_deflate=False,
        # uvicorn's log lines hold the query, and with it the token.
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    Server(settings).run()


if __name__ == "__main__":
    main()
