"""What all connections share: rooms, users, statistics, and whether the server drains."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import auth
import config
from limits import SlidingLog, bucket_log
from rooms import Rooms

if TYPE_CHECKING:
    from connection import Connection


class Hub:
    """One server."""

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

    def everyone(self) -> list[Connection]:
        """All welcomed connections."""
        return [connection for own in self.connections.values() for connection in own]

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

    # region revoke
    def revoke(self, session: str) -> None:
        """Ends a session, and with it all of its connections."""
        auth.revoked.add(session)
        for connection in self.everyone():
            if connection.identity.session == session:
                connection.end(4003, "session_revoked")
    # endregion revoke

    # region stats
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
    # endregion stats
