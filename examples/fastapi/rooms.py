"""Rooms: who is in them, who is typing, and what everybody is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import config
from messages import Frame, frame

if TYPE_CHECKING:
    from connection import Connection


class Room:
    """A name and the connections in it. Membership belongs to a connection, presence to its user."""

    def __init__(self, name: str) -> None:
        self.name = name
        # A room that was left by all is forgotten, so each new beginning of `seq` needs a name of its own.
        self.epoch = uuid4().hex
        self.seq = 0
        self.members: dict[str, set[Connection]] = {}
        self.typing: dict[str, asyncio.TimerHandle] = {}

    def send(self, message: Frame, except_user: str | None = None) -> None:
        """Queues one message for every member connection, those of one user left out."""
        for user, connections in self.members.items():
            if user != except_user:
                for connection in connections:
                    connection.send(message)

    def listing(self, asker: str) -> dict[str, Any]:
        """The members as an `ack` lists them: who asks is among them, also when not all are."""
        users = [asker, *(user for user in self.members if user != asker)]
        data: dict[str, Any] = {"members": users[: config.MAX_LISTED_MEMBERS], "count": len(users)}
        if len(users) > config.MAX_LISTED_MEMBERS:
            data["truncated"] = True
        return data

    def set_typing(self, user: str, active: bool) -> None:
        """Tells the others that a user types, or no longer does; forgets the first after the announced time."""
        timer = self.typing.pop(user, None)
        if timer is not None:
            timer.cancel()
        if active:
            loop = asyncio.get_running_loop()
            self.typing[user] = loop.call_later(config.TYPING_TTL_MS / 1000, self.set_typing, user, False)
        if active or timer is not None:
            self.send(frame("typing", {"active": active, "user": user}, room=self.name, **{"from": user}), user)


class Rooms:
    """All rooms that have a member."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}

    def get(self, connection: Connection, name: str) -> Room | None:
        """The room, if the connection is in it."""
        return self.rooms[name] if name in connection.rooms else None

    # region join
    def join(self, connection: Connection, name: str) -> tuple[dict[str, Any], Frame | None]:
        """Lets a connection in. Returns the `ack`, and what the others are to hear once it is sent."""
        room = self.rooms.setdefault(name, Room(name))
        first = connection.user not in room.members
        room.members.setdefault(connection.user, set()).add(connection)
        connection.rooms.add(name)
        event = frame("join", {"user": connection.user}, room=name) if first else None
        return {**room.listing(connection.user), "seq": room.seq, "epoch": room.epoch}, event
    # endregion join

    # region leave
    def leave(self, connection: Connection, name: str, reason: str, silent: bool = False) -> None:
        """Takes a connection out, and tells the others when it was the last one of its user."""
        if name not in connection.rooms:
            return
        connection.rooms.discard(name)
        room = self.rooms[name]
        own = room.members[connection.user]
        own.discard(connection)
        if own:
            return
        del room.members[connection.user]
        timer = room.typing.get(connection.user)
        if not silent:
            if timer is not None:
                room.set_typing(connection.user, False)
            room.send(frame("leave", {"user": connection.user, "reason": reason}, room=name))
        elif timer is not None:
            room.typing.pop(connection.user).cancel()
        if not room.members:
            del self.rooms[name]
    # endregion leave

    # region chat
    def chat(self, connection: Connection, name: str, data: dict[str, Any]) -> dict[str, Any]:
        """Numbers a text, queues it for every member, and returns the `ack`."""
        room = self.rooms[name]
        if connection.user in room.typing:
            room.set_typing(connection.user, False)
        room.seq += 1
        event_id = uuid4().hex
        content = {member: data[member] for member in ("text", "meta") if member in data}
        envelope = {"id": event_id, "room": name, "from": connection.user, "seq": room.seq}
        room.send(frame("chat", content, **envelope))
        return {"id": event_id, "seq": room.seq}
    # endregion chat
