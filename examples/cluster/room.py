"""One room that several processes share over Redis: one order, nothing twice, and no hole unseen."""

import asyncio
from collections.abc import Callable

import redis.asyncio as redis  # the other one blocks the loop

# region publish
# Numbers, remembers and publishes in one step, so there is one order.
PUBLISH = """
local seq = redis.call('INCR', KEYS[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 500, seq .. '-1', 'text', ARGV[1])
redis.call('PUBLISH', KEYS[3], seq .. ' ' .. ARGV[1])
return seq
"""
# endregion publish


class Room:
    """`deliver` is called with each event and its seq, in order; `gap` with what can no longer be had."""

    def __init__(
        self,
        link: redis.Redis,
        name: str,
        deliver: Callable[[int, bytes], None],
        gap: Callable[[int, int], None],
    ) -> None:
        self.link = link
        self.seq, self.log, self.channel = f"seq:{name}", f"log:{name}", f"room:{name}"
        self.deliver, self.gap = deliver, gap
        self.last = 0
        self.heard = link.pubsub()

    # region open
    async def open(self) -> None:
        """Returns when the subscription is confirmed: only then may a `join` be answered."""
        await self.heard.subscribe(self.channel)
        while (message := await self.heard.get_message(timeout=None)) is None or message[
            "type"
        ] != "subscribe":
            pass
        self.last = int(await self.link.get(self.seq) or 0)

    # endregion open

    # region chat
    async def chat(self, text: str) -> int:
        """Sends nobody anything: this process hears its own event as all others do."""
        return await self.link.eval(PUBLISH, 3, self.seq, self.log, self.channel, text)

    async def listen(self) -> None:
        """The only place that delivers."""
        while True:
            try:
                async for message in self.heard.listen():
                    await self.hear(message)
            except redis.ConnectionError:
                await asyncio.sleep(0.1)  # the library connects again, and subscribes

    async def hear(self, message: dict) -> None:
        if message["type"] == "subscribe":  # again: the link was away
            return await self.recover(int(await self.link.get(self.seq) or 0))
        seq, text = message["data"].split(b" ", 1)
        if int(seq) > self.last + 1:
            await self.recover(int(seq) - 1)
        self.take(int(seq), text)

    def take(self, seq: int, text: bytes) -> None:
        if seq <= self.last:
            return  # it was recovered already
        self.last = seq
        self.deliver(seq, text)

    # endregion chat

    # region recover
    async def recover(self, until: int) -> None:
        """Delivers what the log still has, up to a number, and tells the rest as a `gap`."""
        entries = await self.link.xrange(self.log, f"{self.last + 1}-1", f"{until}-1")
        first = int(entries[0][0].split(b"-")[0]) if entries else until + 1
        if first > self.last + 1:
            self.gap(self.last + 1, first - 1)
            self.last = first - 1
        for entry, fields in entries:
            self.take(int(entry.split(b"-")[0]), fields[b"text"])

    # endregion recover
