"""The envelope: reading what clients send, writing what the server sends."""

import json
import re
from datetime import datetime, timezone
from typing import Any, NamedTuple

import config

TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
ROOM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")

ROOM_TYPES = frozenset({"join", "leave", "members", "chat", "typing", "binary"})
SPOKEN_TYPES = frozenset({"join", "leave", "members", "chat", "typing", "ping"})
UNSUPPORTED_TYPES = frozenset({"auth", "direct", "broadcast", "binary"})

# The five protocol errors, which count against the budget of a connection.
PROTOCOL_ERRORS = frozenset({"invalid_json", "invalid_envelope", "unknown_type", "unsupported", "invalid_payload"})
RETRYABLE = frozenset({"shutting_down", "rate_limited"})

# A message may be nested 32 levels deep; more is allowed to be refused, and saves the stack.
MAX_DEPTH = 64
LARGEST = 1.7976931348623157e308


# region refusal
class Refusal(Exception):
    """A message that cannot be carried out: the code and the other members of the `error`."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(message)
        self.code = code
        self.data = {"code": code, "message": message, "retryable": code in RETRYABLE, **members}
# endregion refusal


class Frame(NamedTuple):
    """A message ready to be sent, encoded once for all its readers, and its size in bytes."""

    text: str
    size: int


def timestamp(seconds: float | None = None) -> str:
    """The given time, or now, as the protocol writes it."""
    moment = datetime.now(timezone.utc) if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def frame(kind: str, data: dict[str, Any], **envelope: Any) -> Frame:
    """A message of the server. Envelope members that are None are left out."""
    message = {"type": kind, "timestamp": timestamp()}
    message.update({name: value for name, value in envelope.items() if value is not None})
    message["data"] = data
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return Frame(text, len(text.encode()))


def _constant(literal: str) -> Any:
    raise ValueError(literal)


def _float(literal: str) -> float:
    value = float(literal)
    if abs(value) > LARGEST:
        raise ValueError("number out of range")
    return value


def _integer(literal: str) -> int | float:
    if literal == "-0":
        return -0.0
    value = int(literal)
    if abs(value) > LARGEST:
        raise ValueError("number out of range")
    return value


_decoder = json.JSONDecoder(parse_constant=_constant, parse_float=_float, parse_int=_integer)
_SURROGATE = re.compile("[\ud800-\udfff]")


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        containers = [item for item in level if isinstance(item, (dict, list))]
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
        depth += bool(containers)
    return depth


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    if isinstance(value, dict):
        return {_scrub(name): _scrub(item) for name, item in value.items()}
    return value


# region decode
def decode(text: str) -> Any:
    """The JSON value of a text message; raises Refusal."""
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise Refusal("invalid_json", "The message is not JSON that this server reads.") from error
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise Refusal("invalid_json", f"The message is nested more than {MAX_DEPTH} levels deep.")
    # An unpaired surrogate can only come from an escape; U+FFFD takes its place.
    return _scrub(value) if "\\u" in text else value
# endregion decode


def has(message: Any, name: str, pattern: re.Pattern[str]) -> str | None:
    """The member of that name, if it is there and right."""
    value = message.get(name) if isinstance(message, dict) else None
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


# region gates
def check_envelope(message: Any) -> None:
    """Raises Refusal for what is wrong outside of `data`, in the order that the specification gives."""
    if not isinstance(message, dict):
        raise Refusal("invalid_envelope", "The message is not an object.")
    kind = has(message, "type", TYPE)
    if kind is None or len(kind) > 64:
        raise Refusal("invalid_envelope", "`type` is missing or no name of a type.")
    if not isinstance(message.get("data", {}), dict):
        raise Refusal("invalid_envelope", "`data` is not an object.")
    for name, pattern in (("id", ID), ("room", ROOM)):
        if name in message and has(message, name, pattern) is None:
            raise Refusal("invalid_envelope", f"`{name}` is not of its form.")
    if kind in UNSUPPORTED_TYPES:
        raise Refusal("unsupported", "The type belongs to a profile that is not spoken here.")
    if kind not in SPOKEN_TYPES:
        raise Refusal("unknown_type", "The type is not known.")


def check_payload(message: dict[str, Any]) -> None:
    """Raises Refusal for a missing `room`, and for `data` that does not fit the type."""
    kind, data = message["type"], message.get("data", {})
    if kind in ROOM_TYPES and "room" not in message:
        raise Refusal("invalid_payload", "`room` is missing.", path="/room")
    if kind == "chat":
        text = data.get("text")
        if not isinstance(text, str) or text == "":
            raise Refusal("invalid_payload", "`text` is missing, empty or no string.", path="/data/text")
        if len(text.encode()) > config.MAX_TEXT_BYTES:
            limit = config.MAX_TEXT_BYTES
            raise Refusal("invalid_payload", f"`text` is longer than {limit} bytes.", path="/data/text", limit=limit)
        if not isinstance(data.get("meta", {}), dict):
            raise Refusal("invalid_payload", "`meta` is not an object.", path="/data/meta")
    if kind == "typing" and not isinstance(data.get("active"), bool):
        raise Refusal("invalid_payload", "`active` is missing or no boolean.", path="/data/active")
# endregion gates
