"""One welcomed connection: what it is sent, what it asks for, how it ends."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fastapi import WebSocket, WebSocketDisconnect

import auth
import config
from limits import SlidingLog, bucket_log, refusal_log
from log import log
from messages import ID, PROTOCOL_ERRORS, ROOM, ROOM_TYPES, Frame, Refusal
from messages import check_envelope, check_payload, decode, frame, has, timestamp

if TYPE_CHECKING:
    from hub import Hub

VERSION = "1.0.0"
# A queue that overflowed gets this long to take a Close frame; then the connection is dropped.
FAREWELL_S = 5.0
DAY_S = 86_400.0


class Connection:
    """One welcomed connection. What is sent waits in a queue of its own, so that no reader holds up another."""

    def __init__(self, hub: Hub, websocket: WebSocket, identity: auth.Identity) -> None:
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
        self.ended = (1006, "")  # how the connection ended, where the client or uvicorn ended it
        self.over = False  # nothing more is read or queued
        self.retry_after_ms = 0  # drawn when the server drains
        self.writer: asyncio.Task[None] | None = None

    # Sending

    # region deliver
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
    # endregion deliver

    def notice(self) -> None:
        """Tells the client that the server restarts. Requests are answered with `shutting_down` from now on."""
        self.retry_after_ms = random.randint(0, 5_000)
        data = {"reason": "restart", "grace_ms": config.GRACE_MS, "reconnect": True}
        self.send(frame("server_shutdown", {**data, "retry_after_ms": self.retry_after_ms}))

    def farewell(self) -> None:
        """Closes once the queue is empty; what comes until then is still answered."""
        if not self.over:
            self.ending = (1012, f"server_restart;retry_after_ms={self.retry_after_ms}")
            self.awake.set()

    def drop(self) -> None:
        """Gives up on a Close frame that cannot be sent."""
        if self.writer is not None:
            self.writer.cancel()

    # region write
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
    # endregion write

    # Receiving

    # region read
    async def read(self) -> None:
        """Handles what comes until the client is gone."""
        while True:
            message = await self.websocket.receive()
            if message["type"] == "websocket.disconnect":
                self.ended = (message.get("code", 1006), message.get("reason") or "")
                return
            if not self.over:
                text = message.get("text")
                length = len(message["bytes"] if text is None else text.encode())
                log("message_received", self.id, self.user, message_length=length)
                self.handle(text)
                # uvicorn hands over a whole segment of messages without a pause: let the writer send meanwhile.
                await asyncio.sleep(0)
    # endregion read

    # region handle
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
            log("websocket_error", self.id, self.user, code=refusal.code)
            self.send(frame("error", refusal.data, ref=ref, room=room))
            self.punish(refusal)
    # endregion handle

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

    # region punish
    def punish(self, refusal: Refusal) -> None:
        """Ends the connection when a budget is spent."""
        if refusal.code in PROTOCOL_ERRORS and self.protocol_errors.spend():
            self.end(4000, "too_many_protocol_errors")
        if refusal.code == "rate_limited":
            log = self.refusals[refusal.data["bucket"]]
            if log is not None and log.spend():
                self.end(4101, f"rate_limited;retry_after_ms={refusal.data['retry_after_ms']}")
    # endregion punish

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
        self.ack(message, ref, self.hub.rooms.rooms[message["room"]].listing(self.user))

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
        """Closes when the credential has expired, and looks again where that is far away or the clock was set."""
        expires_at = self.identity.expires_at
        if expires_at is None or self.over:
            return
        session = self.identity.session is not None
        left = expires_at + (0 if session else config.TOKEN_LEEWAY_S) - time.time()
        if left <= 0:
            self.end(4003 if session else 4001, "session_expired" if session else "token_expired")
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
                "max_listed_members": config.MAX_LISTED_MEMBERS,
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
        log("websocket_connect", self.id, self.user)
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
            code, reason = self.ending or self.ended
            log("websocket_disconnect", self.id, self.user, code=code, reason=reason)
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
