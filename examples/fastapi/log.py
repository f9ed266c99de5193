"""The log: one line of JSON on standard output for each thing that happened."""

import json
from typing import Any

from messages import timestamp


# region log
def log(event: str, connection_id: str, user: str | None = None, **more: Any) -> None:
    """Writes one event as one line: JSON escapes line ends, so nobody can forge one. Never a text, never a token."""
    line = {"event": event, "timestamp": timestamp(), "connection_id": connection_id, **more}
    print(json.dumps(line if user is None else {**line, "user": user}), flush=True)
# endregion log
