"""A chat server written the way WebSocket tutorials teach it.

It speaks Parlor's messages and works in every demo: one browser tab, then two. Its faults are
the point; do not copy it. `parlor test` names them, and examples/fastapi shows what holds.
"""

import asyncio
import json
import logging
import os
import signal
import time
import uuid
from datetime import datetime, timezone

import jwt
import uvicorn
from fastapi import Cookie, FastAPI, Query, WebSocket

SECRET = os.environ.get("PARLOR_TOKEN_SECRET", "a development secret of thirty-two bytes")
MAX_REQUESTS = int(os.environ.get("PARLOR_MESSAGES_LIMIT", "10"))
WINDOW = int(os.environ.get("PARLOR_MESSAGES_WINDOW_MS", "60000")) / 1000

SESSIONS = dict(each.rsplit("=", 1) for each in os.environ.get("PARLOR_SESSIONS", "").split(",") if "=" in each)

app = FastAPI()
logger = logging.getLogger("tutorial")


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RoomManager:
    """Who is connected, and who is in which room."""

    def __init__(self):
        self.rooms: dict[str, set[WebSocket]] = {}
        self.users: dict[WebSocket, str] = {}
        self.seq: dict[str, int] = {}

    async def connect(self, websocket, user):
        await websocket.accept()
        self.users[websocket] = user

    def join(self, websocket, room):
        self.rooms.setdefault(room, set()).add(websocket)

    def leave(self, websocket, room):
        self.rooms.get(room, set()).discard(websocket)

    def members(self, room):
        return sorted({self.users[each] for each in self.rooms.get(room, ())})

    async def send_to_room(self, room, message):
        text = json.dumps(message)
        for websocket in self.rooms.get(room, ()):
            try:
                await websocket.send_text(text)
            except Exception:
                # A dead connection: forget it. (The set is being iterated.)
                self.rooms[room].discard(websocket)


class ConnectionMetrics:
    """Counters, changed on connect and disconnect."""

    def __init__(self):
        self.connections_count = 0
        self.total_messages = 0
        self.start_time = time.time()

    def get_stats(self):
        uptime = time.time() - self.start_time
        return {
            "active_connections": self.connections_count,
            "total_messages": self.total_messages,
            "uptime_seconds": uptime,
            "messages_per_second": self.total_messages / uptime if uptime > 0 else 0,
        }


class GracefulShutdown:
    """Tells everybody, and closes."""

    async def shutdown_handler(self):
        for connection in list(manager.users):
            try:
                await connection.send_text(json.dumps({"type": "server_shutdown", "message": "Server is shutting down"}))
                await connection.close()
            except Exception:
                pass

    def setup_signal_handlers(self):
        signal.signal(signal.SIGTERM, lambda s, f: asyncio.create_task(self.shutdown_handler()))


class RateLimiter:
    """At most so many requests in a window, for each key."""

    def __init__(self):
        self.requests: dict[str, list[float]] = {}

    def allows(self, key):
        moment = time.time()
        recent = [each for each in self.requests.get(key, []) if moment - each < WINDOW]
        recent.append(moment)
        self.requests[key] = recent
        return len(recent) <= MAX_REQUESTS


manager = RoomManager()
limiter = RateLimiter()
metrics = ConnectionMetrics()


@app.get("/stats")
async def stats():
    return metrics.get_stats()


@app.get("/health/websocket")
async def health():
    return {"status": "healthy", "active_connections": metrics.connections_count, "timestamp": now()}


async def heartbeat(websocket):
    while True:
        try:
            await asyncio.sleep(int(os.environ.get("PARLOR_HEARTBEAT_INTERVAL_MS", "30000")) / 1000)
            await websocket.ping()
        except Exception:
            # There is no such call: this is where it ends.
            break


async def current_user(websocket, token, session_token):
    if token is None and session_token is not None:
        if session_token not in SESSIONS:
            await websocket.close(code=4003)
        return SESSIONS.get(session_token)
    try:
        claims = jwt.decode(token or "", SECRET, algorithms=["HS256"], options={"verify_aud": False})
        return claims["sub"]
    except Exception:
        await websocket.close(code=4001)
        return None


def welcome(user):
    number = lambda name, default: int(os.environ.get(name, default))  # noqa: E731
    return {
        "type": "welcome",
        "timestamp": now(),
        "data": {
            "protocol": "parlor.v1",
            "server": {"name": "tutorial", "version": "1.0.0"},
            "connection_id": str(uuid.uuid4()),
            "user": user,
            "features": ["operations", *(["session"] if SESSIONS else [])],
            "heartbeat": {
                "interval_ms": number("PARLOR_HEARTBEAT_INTERVAL_MS", "30000"),
                "timeout_ms": number("PARLOR_HEARTBEAT_TIMEOUT_MS", "10000"),
            },
            "auth": {"method": "token", "expires_at": None},
            "limits": {
                "max_message_bytes": 65536,
                "max_text_bytes": 4096,
                "max_rooms": 50,
                "max_listed_members": 1000,
                "max_connections_per_user": 10,
                "max_protocol_errors": 20,
                "protocol_error_window_ms": 60000,
                "max_queue_bytes": 1048576,
            },
            "rates": [
                {
                    "bucket": "messages",
                    "types": ["chat"],
                    "limit": MAX_REQUESTS,
                    "window_ms": int(WINDOW * 1000),
                    "scope": "user",
                    "close_after": 0,
                },
                {
                    "bucket": "control",
                    "types": ["join", "leave", "members", "typing", "ping"],
                    "limit": 120,
                    "window_ms": 60000,
                    "scope": "connection",
                    "close_after": 0,
                },
            ],
            "typing_ttl_ms": number("PARLOR_TYPING_TTL_MS", "6000"),
            **({"session_revocation_ms": 1000} if SESSIONS else {}),
        },
    }


@app.websocket("/ws")
async def endpoint(websocket: WebSocket, token: str = Query(None), session_token: str = Cookie(None)):
    metrics.connections_count += 1
    user = await current_user(websocket, token, session_token)
    if not user:
        return
    await manager.connect(websocket, user)
    await websocket.send_text(json.dumps(welcome(user)))
    logger.info("websocket_connect %s", user)
    task = asyncio.create_task(heartbeat(websocket))
    try:
        while True:
            message = json.loads(await websocket.receive_text())
            await handle(websocket, user, message)
    except Exception:
        # Gone, or something went wrong.
        task.cancel()
        metrics.connections_count -= 1
        logger.info("websocket_disconnect %s", user)


async def handle(websocket, user, message):
    kind, room, data = message["type"], message.get("room"), message.get("data", {})

    async def reply(kind, data):
        if "id" not in message and kind != "error":
            return
        answer = {"type": kind, "timestamp": now(), "data": data}
        if "id" in message:
            answer["ref"] = message["id"]
        if room is not None:
            answer["room"] = room
        await websocket.send_text(json.dumps(answer))

    async def refuse(code, text, **more):
        await reply("error", {"code": code, "message": text, "retryable": code == "rate_limited", **more})

    if kind == "ping":
        await websocket.send_text(
            json.dumps({"type": "pong", "timestamp": now(), "data": data, **({"ref": message["id"]} if "id" in message else {})})
        )
    elif kind == "join":
        known = user in manager.members(room)
        manager.join(websocket, room)
        members = manager.members(room)
        await reply("ack", {"members": members, "count": len(members), "seq": manager.seq.get(room, 0), "epoch": "1"})
        if not known:
            await tell_others(websocket, room, {"type": "join", "timestamp": now(), "room": room, "data": {"user": user}})
    elif kind == "leave":
        manager.leave(websocket, room)
        await reply("ack", {})
        await tell_others(websocket, room, {"type": "leave", "timestamp": now(), "room": room, "data": {"user": user, "reason": "left"}})
    elif kind == "members":
        members = manager.members(room)
        await reply("ack", {"members": members, "count": len(members)})
    elif kind == "chat":
        # The key is the connection: whoever reconnects starts anew.
        if not limiter.allows(str(id(websocket))):
            await refuse("rate_limited", "Rate limit exceeded", retry_after_ms=int(WINDOW * 1000), bucket="messages", limit=MAX_REQUESTS)
            return
        if websocket not in manager.rooms.get(room, ()):
            await refuse("not_in_room", "Join the room first")
            return
        event = {
            "type": "chat",
            "id": str(uuid.uuid4()),
            "timestamp": now(),
            "room": room,
            "from": user,
            "seq": manager.seq.get(room, 0) + 1,
            "data": data,
        }
        manager.seq[room] = event["seq"]
        metrics.total_messages += 1
        await reply("ack", {"id": event["id"], "seq": event["seq"]})
        await manager.send_to_room(room, event)
    elif kind == "typing":
        await reply("ack", {})
        await tell_others(
            websocket,
            room,
            {"type": "typing", "timestamp": now(), "room": room, "from": user, "data": {"user": user, "active": data["active"]}},
        )
    else:
        await refuse("unknown_type", f"Unknown message type: {kind}")


async def tell_others(websocket, room, event):
    for other in manager.rooms.get(room, ()):
        if other is not websocket:
            await other.send_text(json.dumps(event))


@app.on_event("startup")
async def startup():
    GracefulShutdown().setup_signal_handlers()


if __name__ == "__main__":
    uvicorn.run(app, host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8000")))
