"""A member of the room `hall`: says each line of its standard input, and prints what it hears. For the tests."""

import asyncio
import json
import os
import sys

import redis.asyncio as redis

from room import Room


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


async def main() -> None:
    link = redis.from_url(os.environ["REDIS_URL"])
    room = Room(
        link,
        "hall",
        lambda seq, text: say(seq=seq, text=text.decode()),
        lambda first, last: say(gap=[first, last]),
    )
    await room.open()
    say(ready=room.last)
    listening = asyncio.create_task(room.listen())
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await room.chat(line.strip())
    listening.cancel()


asyncio.run(main())
