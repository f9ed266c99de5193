"""The operator's choices: every number that `welcome` announces, read once from the environment."""

import os
import time
from dataclasses import dataclass


class ConfigError(SystemExit):
    """A variable that the server cannot start with; ends it with one sentence on stderr."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"examples/fastapi: {sentence}")


def _integer(name: str, default: int, least: int = 0) -> int:
    text = os.environ.get(name, "")
    if text == "":
        return default
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise ConfigError(f"{name}: expected an integer from {least}, got {text!r}")
    return int(text)


def _list(name: str) -> list[str]:
    return [item.strip() for item in os.environ.get(name, "").split(",") if item.strip()]


@dataclass(frozen=True)
class Bucket:
    """One bucket of the rate limiter, as `welcome` announces it."""

    bucket: str
    types: tuple[str, ...]
    limit: int
    window_ms: int
    scope: str
    close_after: int


HOST = os.environ.get("HOST") or "127.0.0.1"
PORT = _integer("PORT", 8000)

TOKEN_SECRET = os.environ.get("PARLOR_TOKEN_SECRET", "")
TOKEN_PUBLIC_KEY = os.environ.get("PARLOR_TOKEN_PUBLIC_KEY", "")
TOKEN_ALGORITHM = os.environ.get("PARLOR_TOKEN_ALGORITHM") or "HS256"
TOKEN_ISSUER = os.environ.get("PARLOR_TOKEN_ISSUER") or None
TOKEN_AUDIENCE = os.environ.get("PARLOR_TOKEN_AUDIENCE") or None
TOKEN_LEEWAY_S = _integer("PARLOR_TOKEN_LEEWAY_MS", 0) / 1000
ALLOWED_ORIGINS = frozenset(_list("PARLOR_ALLOWED_ORIGINS"))
TOKENS_ACCEPTED = os.environ.get("PARLOR_TOKENS") != "off"
SESSIONS = dict(item.rsplit("=", 1) for item in _list("PARLOR_SESSIONS") if "=" in item)
# Seconds since the epoch, None: never.
_LIFETIME_MS = _integer("PARLOR_SESSION_LIFETIME_MS", 0)
SESSIONS_END = time.time() + _LIFETIME_MS / 1000 if _LIFETIME_MS else None

HEARTBEAT_INTERVAL_MS = _integer("PARLOR_HEARTBEAT_INTERVAL_MS", 30_000, 1)
HEARTBEAT_TIMEOUT_MS = _integer("PARLOR_HEARTBEAT_TIMEOUT_MS", 10_000, 1)
MAX_MESSAGE_BYTES = _integer("PARLOR_MAX_MESSAGE_BYTES", 65_536, 1_025)
MAX_TEXT_BYTES = _integer("PARLOR_MAX_TEXT_BYTES", min(4_096, MAX_MESSAGE_BYTES - 1_024), 1)
MAX_ROOMS = _integer("PARLOR_MAX_ROOMS", 50, 1)
MAX_LISTED_MEMBERS = _integer("PARLOR_MAX_LISTED_MEMBERS", 1_000, 1)
MAX_CONNECTIONS_PER_USER = _integer("PARLOR_MAX_CONNECTIONS_PER_USER", 10, 1)
MAX_PROTOCOL_ERRORS = _integer("PARLOR_MAX_PROTOCOL_ERRORS", 20, 1)
PROTOCOL_ERROR_WINDOW_MS = _integer("PARLOR_PROTOCOL_ERROR_WINDOW_MS", 60_000, 1)
MAX_QUEUE_BYTES = _integer("PARLOR_MAX_QUEUE_BYTES", 1_048_576, 1)
TYPING_TTL_MS = _integer("PARLOR_TYPING_TTL_MS", 6_000, 1)
GRACE_MS = _integer("PARLOR_GRACE_MS", 10_000)
SESSION_REVOCATION_MS = 1_000

FEATURES = [feature for feature, spoken in (("session", bool(SESSIONS)), ("operations", True)) if spoken]
if os.environ.get("PARLOR_FEATURES"):
    FEATURES = [feature for feature in FEATURES if feature in _list("PARLOR_FEATURES")]

MESSAGES = Bucket(
    bucket="messages",
    types=("chat",),
    limit=_integer("PARLOR_MESSAGES_LIMIT", 10, 1),
    window_ms=_integer("PARLOR_MESSAGES_WINDOW_MS", 60_000, 1),
    scope="user",
    close_after=_integer("PARLOR_MESSAGES_CLOSE_AFTER", 0),
)
CONTROL = Bucket(
    bucket="control",
    types=("join", "leave", "members", "typing", "ping"),
    limit=_integer("PARLOR_CONTROL_LIMIT", 120, 1),
    window_ms=_integer("PARLOR_CONTROL_WINDOW_MS", 60_000, 1),
    scope="connection",
    close_after=_integer("PARLOR_CONTROL_CLOSE_AFTER", 0),
)
BUCKET_OF = {name: bucket for bucket in (MESSAGES, CONTROL) for name in bucket.types}


def check() -> None:
    """Refuses to start with choices that cannot be kept."""
    if MAX_MESSAGE_BYTES < MAX_TEXT_BYTES + 1_024:
        raise ConfigError(
            f"PARLOR_MAX_MESSAGE_BYTES: expected at least PARLOR_MAX_TEXT_BYTES + 1024 = {MAX_TEXT_BYTES + 1_024}, "
            f"got {MAX_MESSAGE_BYTES}"
        )
    if MAX_QUEUE_BYTES < MAX_MESSAGE_BYTES + 1_024:
        raise ConfigError(
            f"PARLOR_MAX_QUEUE_BYTES: expected at least PARLOR_MAX_MESSAGE_BYTES + 1024 = {MAX_MESSAGE_BYTES + 1_024}, "
            f"got {MAX_QUEUE_BYTES}"
        )
    if MAX_LISTED_MEMBERS > 1_000:
        raise ConfigError(f"PARLOR_MAX_LISTED_MEMBERS: expected at most 1000, got {MAX_LISTED_MEMBERS}")
    if TOKEN_LEEWAY_S > 60:
        raise ConfigError(f"PARLOR_TOKEN_LEEWAY_MS: expected at most 60000, got {int(TOKEN_LEEWAY_S * 1000)}")
    if HEARTBEAT_TIMEOUT_MS > HEARTBEAT_INTERVAL_MS:
        raise ConfigError(
            "PARLOR_HEARTBEAT_TIMEOUT_MS: expected at most PARLOR_HEARTBEAT_INTERVAL_MS, because uvicorn sends "
            f"no Ping while it waits for a Pong, got {HEARTBEAT_TIMEOUT_MS} over {HEARTBEAT_INTERVAL_MS}"
        )
    if not TOKENS_ACCEPTED:
        return
    if os.environ.get("PARLOR_TOKEN_JWKS_URL"):
        raise ConfigError("PARLOR_TOKEN_JWKS_URL: expected unset, because this server fetches no key sets")
    symmetric = TOKEN_ALGORITHM in ("HS256", "HS384", "HS512")
    if symmetric and not TOKEN_SECRET:
        raise ConfigError(f"PARLOR_TOKEN_SECRET: expected the secret for {TOKEN_ALGORITHM}, got nothing")
    if not symmetric and not TOKEN_PUBLIC_KEY:
        raise ConfigError(f"PARLOR_TOKEN_PUBLIC_KEY: expected a PEM key for {TOKEN_ALGORITHM}, got nothing")
