"""Parlor v1 on FastAPI and uvicorn: the connection, the table of requests, and the life of the server."""

import asyncio
import contextlib
import os
import random
import time
from collections import deque
from types import FrameType
from typing import Any
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

import auth
import config
from limits import SlidingLog, bucket_log, refusal_log
from messages import PROTOCOL_ERRORS, ROOM, ROOM_TYPES, ID, Frame, Refusal, check_envelope, check_payload, decode
from messages import frame, has, timestamp
from rooms import Rooms
from wire import ParlorProtocol

VERSION = "1.0.0"
# A queue that overflowed gets this long to take a Close frame; then the connection is dropped.
FAREWELL_S = 5.0
# How long the drain waits for clients to answer their Close frames.
CLOSE_WAIT_S = 2.0
DAY_S = 86_400.0


class Connection:
    """One welcomed connection. What is sent waits in a queue of its own, so that no reader holds up another."""

    def __init__(self, hub: "Hub", websocket: WebSocket, identity: auth.Identity) -> None:
        self.hub = hub
        self.websocket = websocket
        self.identity = identity
        self.user = identity.user
        self.id = uuid4().hex
        self.rooms: set[str] = set()
        self.control = bucket_log(config.CONTROL)
        self.refusals = {bucket.bucket: refusal_log(bucket) for bucket in (config.MESSAGES, config.CONTROL)}
        self.protocol_errors = SlidingLog(config.MAX_PROTOCOL_ERRORS, config.PROTOCOL_ERROR_WINDOW_MS)
        self.queue: deque[Frame] = deque()
        self.queued_bytes = 0
        self.awake = asyncio.Event()
        self.ending: tuple[int, str] | None = None  # the Close frame that follows the queue
        self.over = False  # nothing more is read or queued
        self.retry_after_ms = 0  # drawn when the server drains
        self.writer: asyncio.Task[None] | None = None

    # Sending

    def send(self, message: Frame) -> None:
        """Queues a message; a connection that reads too slowly is over."""
        if self.over:
            return
        if self.queued_bytes + message.size > config.MAX_QUEUE_BYTES:
            self.queue.clear()
            self.end(4102, "slow_consumer")
            asyncio.get_running_loop().call_later(FAREWELL_S, self.drop)
            return
        self.queue.append(message)
        self.queued_bytes += message.size
        self.awake.set()

    def end(self, code: int, reason: str) -> None:
        """Closes behind what is queued. Nothing more is read, and the rooms are left once the loop turns."""
        if self.over:
            return
        self.over = True
        self.ending = (code, reason)
        self.awake.set()
        # Not now: the caller may be going through the members of a room.
        asyncio.get_running_loop().call_soon(self.hub.leave_rooms, self)

    def drain(self) -> None:
        """Gives the notice of a shutdown, and closes once the queue is empty. Until then requests are answered."""
        self.retry_after_ms = random.randint(0, 5_000)
        data = {"reason": "restart", "grace_ms": config.GRACE_MS, "reconnect": True}
        self.send(frame("server_shutdown", {**data, "retry_after_ms": self.retry_after_ms}))
        if not self.over:
            self.ending = (1012, f"server_restart;retry_after_ms={self.retry_after_ms}")
            self.awake.set()

    def drop(self) -> None:
        """Gives up on a Close frame that cannot be sent."""
        if self.writer is not None:
            self.writer.cancel()

    async def write(self) -> None:
        """Sends what is queued, one message after the other, and at last the Close frame."""
        while True:
            while self.queue:
                message = self.queue.popleft()
                await self.websocket.send_text(message.text)
                self.queued_bytes -= message.size
            if self.ending is not None:
                self.over = True
                await self.websocket.close(*self.ending)
                return
            self.awake.clear()
            await self.awake.wait()

    # Receiving

    async def read(self) -> None:
        """Handles what comes until the client is gone."""
        while True:
            message = await self.websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if not self.over:
                self.handle(message.get("text"))

    def handle(self, text: str | None) -> None:
        """Carries out one message and replies to it; `text` is None for a binary message."""
        ref = room = None
        try:
            if text is None:
                raise Refusal("unsupported", "Binary messages are not spoken here.")
            message = decode(text)
            ref = has(message, "id", ID)
            if isinstance(message, dict) and isinstance(message.get("type"), str) and message["type"] in ROOM_TYPES:
                room = has(message, "room", ROOM)
            check_envelope(message)
            if self.hub.draining:
                raise Refusal("shutting_down", "The server restarts.", retry_after_ms=self.retry_after_ms)
            check_payload(message)
            kind = message["type"]
            self.admit(kind)
            self.check_room(kind, room)
            REQUESTS[kind](self, message, ref)
        except Refusal as refusal:
            self.send(frame("error", refusal.data, ref=ref, room=room))
            self.punish(refusal)

    def ack(self, message: dict[str, Any], ref: str | None, data: dict[str, Any]) -> None:
        """Acknowledges a request that carries an `id`."""
        if ref is not None:
            self.send(frame("ack", data, ref=ref, room=message.get("room")))

    def admit(self, kind: str) -> None:
        """Counts a request in its bucket; raises Refusal when that is full."""
        bucket = config.BUCKET_OF[kind]
        log = self.hub.user_log(self.user) if bucket.scope == "user" else self.control
        wait_ms = log.admit()
        if wait_ms:
            members = {"bucket": bucket.bucket, "limit": bucket.limit, "retry_after_ms": wait_ms}
            raise Refusal("rate_limited", f"More than {bucket.limit} messages in {bucket.window_ms} ms.", **members)

    def check_room(self, kind: str, room: str | None) -> None:
        """Raises Refusal for a room that the token does not allow, or that the connection is not in."""
        if room is None or kind == "leave":
            return
        if self.identity.rooms is not None and room not in self.identity.rooms:
            raise Refusal("forbidden", "The token does not allow this room.")
        if room in self.rooms:
            return
        if kind != "join":
            raise Refusal("not_in_room", "The connection is not in this room.")
        if len(self.rooms) >= config.MAX_ROOMS:
            raise Refusal("too_many_rooms", f"The connection is in {config.MAX_ROOMS} rooms.")

    def punish(self, refusal: Refusal) -> None:
        """Ends the connection when a budget is spent."""
        if refusal.code in PROTOCOL_ERRORS and self.protocol_errors.spend():
            self.end(4000, "too_many_protocol_errors")
        if refusal.code == "rate_limited":
            log = self.refusals[refusal.data["bucket"]]
            if log is not None and log.spend():
                self.end(4101, f"rate_limited;retry_after_ms={refusal.data['retry_after_ms']}")

    # Requests

    def join(self, message: dict[str, Any], ref: str | None) -> None:
        room = message["room"]
        data, event = self.hub.rooms.join(self, room)
        self.ack(message, ref, data)
        if event is not None:
            self.hub.rooms.rooms[room].send(event, except_user=self.user)

    def leave(self, message: dict[str, Any], ref: str | None) -> None:
        self.hub.rooms.leave(self, message["room"], "left")
        self.ack(message, ref, {})

    def members(self, message: dict[str, Any], ref: str | None) -> None:
        self.ack(message, ref, self.hub.rooms.rooms[message["room"]].listing())

    def chat(self, message: dict[str, Any], ref: str | None) -> None:
        self.hub.count_message()
        self.ack(message, ref, self.hub.rooms.chat(self, message["room"], message["data"]))

    def typing(self, message: dict[str, Any], ref: str | None) -> None:
        self.hub.rooms.rooms[message["room"]].set_typing(self.user, message["data"]["active"])
        self.ack(message, ref, {})

    def ping(self, message: dict[str, Any], ref: str | None) -> None:
        self.send(frame("pong", message.get("data", {}), ref=ref))

    # Life

    def watch_expiry(self) -> None:
        """Closes when the token has expired, and looks again where that is far away or the clock was set."""
        expires_at = self.identity.expires_at
        if expires_at is None or self.over:
            return
        left = expires_at + config.TOKEN_LEEWAY_S - time.time()
        if left <= 0:
            self.end(4001, "token_expired")
        else:
            asyncio.get_running_loop().call_later(min(left, DAY_S), self.watch_expiry)

    def welcome(self) -> Frame:
        """Who the user is, and which numbers hold."""
        expires_at = self.identity.expires_at
        data: dict[str, Any] = {
            "protocol": "parlor.v1",
            "server": {"name": "parlor-fastapi", "version": VERSION},
            "connection_id": self.id,
            "user": self.user,
            "features": config.FEATURES,
            "heartbeat": {"interval_ms": config.HEARTBEAT_INTERVAL_MS, "timeout_ms": config.HEARTBEAT_TIMEOUT_MS},
            "auth": {
                "method": self.identity.method,
                "expires_at": None if expires_at is None else timestamp(expires_at),
            },
            "limits": {
                "max_message_bytes": config.MAX_MESSAGE_BYTES,
                "max_text_bytes": config.MAX_TEXT_BYTES,
                "max_rooms": config.MAX_ROOMS,
                "max_connections_per_user": config.MAX_CONNECTIONS_PER_USER,
                "max_protocol_errors": config.MAX_PROTOCOL_ERRORS,
                "protocol_error_window_ms": config.PROTOCOL_ERROR_WINDOW_MS,
                "max_queue_bytes": config.MAX_QUEUE_BYTES,
            },
            "rates": [vars(bucket) for bucket in (config.MESSAGES, config.CONTROL)],
            "typing_ttl_ms": config.TYPING_TTL_MS,
        }
        if "session" in config.FEATURES:
            data["session_revocation_ms"] = config.SESSION_REVOCATION_MS
        return frame("welcome", data)

    async def serve(self) -> None:
        """From the welcome to the end, whoever brings it about."""
        self.send(self.welcome())
        self.watch_expiry()
        self.writer = asyncio.create_task(self.write())
        reader = asyncio.create_task(self.read())
        tasks = {reader, self.writer}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.over = True
            for task in tasks:
                task.cancel()
            # The peer may be gone while something is sent to it: that is an end like any other.
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
                    raise outcome


REQUESTS = {
    "join": Connection.join,
    "leave": Connection.leave,
    "members": Connection.members,
    "chat": Connection.chat,
    "typing": Connection.typing,
    "ping": Connection.ping,
}


class Hub:
    """What all connections share: rooms, users, statistics, and whether the server drains."""

    def __init__(self) -> None:
        self.rooms = Rooms()
        self.connections: dict[str, set[Connection]] = {}
        self.user_logs: dict[str, SlidingLog] = {}
        self.draining = False
        self.started = time.monotonic()
        self.total_messages = 0
        self.recent_messages: deque[float] = deque()

    def active(self) -> int:
        """How many connections are welcomed and have not ended."""
        return sum(len(own) for own in self.connections.values())

    def user_log(self, user: str) -> SlidingLog:
        """The messages of all connections of a user, which outlive them."""
        return self.user_logs.setdefault(user, bucket_log(config.MESSAGES))

    def forget_user(self, user: str) -> None:
        """Frees the log of a user who has been away for a whole window."""
        if user not in self.connections and user in self.user_logs and self.user_logs[user].count() == 0:
            del self.user_logs[user]

    def add(self, connection: Connection) -> None:
        """Counts a connection as its user's; raises Refused when there are too many."""
        own = self.connections.setdefault(connection.user, set())
        if len(own) >= config.MAX_CONNECTIONS_PER_USER:
            raise auth.Refused(4005, "connection_limit")
        own.add(connection)

    def remove(self, connection: Connection) -> None:
        """Takes an ended connection out of everything."""
        self.leave_rooms(connection)
        own = self.connections[connection.user]
        own.discard(connection)
        if not own:
            del self.connections[connection.user]
            delay = config.MESSAGES.window_ms / 1000 + 1
            asyncio.get_running_loop().call_later(delay, self.forget_user, connection.user)

    def leave_rooms(self, connection: Connection) -> None:
        """Takes a connection out of its rooms. A drain tells nobody of those that it ends itself."""
        silent = self.draining and connection.ending is not None
        for room in list(connection.rooms):
            self.rooms.leave(connection, room, "disconnected", silent)

    def count_message(self) -> None:
        """Counts an accepted message of the bucket `messages`."""
        self.total_messages += 1
        self.recent_messages.append(time.monotonic())

    def stats(self) -> dict[str, Any]:
        """The body of `/stats`."""
        now = time.monotonic()
        uptime = max(now - self.started, 0.001)
        span = min(60.0, uptime)
        while self.recent_messages and self.recent_messages[0] < now - span:
            self.recent_messages.popleft()
        return {
            "active_connections": self.active(),
            "total_messages": self.total_messages,
            "uptime_seconds": uptime,
            "messages_per_second": len(self.recent_messages) / span,
        }


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
    if origin not in config.ALLOWED_ORIGINS if origin is not None else given.only_session:
        refusal = PlainTextResponse("This origin is not allowed.\n", 403)
    elif hub.draining:
        refusal = PlainTextResponse("The server restarts.\n", 503, {"Retry-After": "5"})
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
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.close(refused.code, refused.reason)
        return
    try:
        await connection.serve()
    finally:
        hub.remove(connection)


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
        for own in list(hub.connections.values()):
            for connection in list(own):
                connection.drain()
        await self.until(lambda: hub.active() == 0, config.GRACE_MS / 1000)
        for own in hub.connections.values():
            for connection in own:
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


def main() -> None:
    """Starts the server."""
    config.check()
    settings = uvicorn.Config(
        app,
        host=config.HOST,
        port=config.PORT,
        http="h11",
        ws=ParlorProtocol,
        ws_max_size=config.MAX_MESSAGE_BYTES,
        # A little early, so that no jitter makes a Ping late.
        ws_ping_interval=config.HEARTBEAT_INTERVAL_MS * 0.8 / 1000,
        ws_ping_timeout=config.HEARTBEAT_TIMEOUT_MS / 1000,
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
