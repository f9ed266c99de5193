"""Who is it? Takes the credentials of an opening handshake apart and decides on them."""

import math
import re
import time
from dataclasses import dataclass
from urllib.parse import parse_qsl

import jwt

import config

COMPACT_JWS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
MAX_TOKEN_BYTES = 8_192
MAX_SUB_BYTES = 255
# Control characters, and unpaired surrogates, which have no bytes in UTF-8.
FORBIDDEN_IN_SUB = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# No timestamp can hold what comes after the year 9999.
LAST_SECOND = 253_402_300_799
# Expiry is judged last and by hand: only a token that fails nothing else is `token_expired`.
SIGNATURE_ONLY = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}


class Refused(Exception):
    """The connection ends with this close code and reason, after the handshake."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Identity:
    """A verified user. `expires_at` is in seconds since the epoch, None for ever; `rooms` None allows all."""

    user: str
    method: str
    expires_at: float | None = None
    rooms: frozenset[str] | None = None
    session: str | None = None


@dataclass(frozen=True)
class Credentials:
    """What an opening handshake brought along."""

    tokens: list[str]
    sessions: set[str]

    @property
    def only_session(self) -> bool:
        """Whether a cookie, which browsers send unasked, is all there is."""
        return bool(self.sessions) and not self.tokens


# Sessions that were logged out of.
revoked: set[str] = set()


# region credentials
def credentials(query: str, authorizations: list[str], cookies: list[str]) -> Credentials:
    """Reads the query, the `Authorization` headers and the `Cookie` headers."""
    tokens = [value for name, value in parse_qsl(query, keep_blank_values=True) if name == "token"]
    for header in authorizations:
        scheme, _, token = header.strip().partition(" ")
        if scheme.lower() == "bearer":
            tokens.append(token.strip())
    sessions = set()
    if "session" in config.FEATURES:
        for pair in ";".join(cookies).split(";"):
            name, equals, value = pair.strip().partition("=")
            if equals and name == "session_token":
                sessions.add(value)
    return Credentials(tokens, sessions)
# endregion credentials


def authenticate(given: Credentials) -> Identity:
    """The identity behind them; raises Refused. A token goes before a session, and never falls back to it."""
    if len(given.tokens) > 1:
        raise Refused(4001, "credentials_conflict")
    if given.tokens:
        return verify_token(given.tokens[0])
    if len(given.sessions) > 1:
        raise Refused(4003, "session_ambiguous")
    for session in given.sessions:
        if session in revoked:
            raise Refused(4003, "session_revoked")
        if session not in config.SESSIONS:
            raise Refused(4003, "session_invalid")
        if config.SESSIONS_END is not None and time.time() >= config.SESSIONS_END:
            raise Refused(4003, "session_expired")
        return Identity(config.SESSIONS[session], "session", config.SESSIONS_END, session=session)
    raise Refused(4001, "token_missing") if config.TOKENS_ACCEPTED else Refused(4003, "session_missing")


# region verify
def verify_token(token: str) -> Identity:
    """The identity that a token proves; raises Refused."""
    invalid = Refused(4001, "token_invalid")
    if not config.TOKENS_ACCEPTED or len(token) > MAX_TOKEN_BYTES or not COMPACT_JWS.fullmatch(token):
        raise invalid
    key = config.TOKEN_SECRET if config.TOKEN_ALGORITHM.startswith("HS") else config.TOKEN_PUBLIC_KEY
    try:
        decoded = jwt.decode_complete(token, key, algorithms=[config.TOKEN_ALGORITHM], options=SIGNATURE_ONLY)
    except jwt.InvalidTokenError as error:
        raise invalid from error
    # This server understands no critical header, so any `crit` names one that it does not know.
    if "crit" in decoded["header"] or decoded["header"].get("b64", True) is not True:
        raise invalid
    claims = decoded["payload"]
    if not all((_sub(claims), _audience(claims), _issuer(claims), _rooms(claims), _not_before(claims))):
        raise invalid
    expires_at = claims.get("exp")
    if not _number(expires_at) or expires_at > LAST_SECOND:
        raise invalid
    if time.time() >= expires_at + config.TOKEN_LEEWAY_S:
        raise Refused(4001, "token_expired")
    rooms = frozenset(claims["rooms"]) if "rooms" in claims else None
    return Identity(claims["sub"], "token", expires_at, rooms)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _sub(claims: dict) -> bool:
    sub = claims.get("sub")
    if not isinstance(sub, str) or sub == "":
        return False
    return not FORBIDDEN_IN_SUB.search(sub) and len(sub.encode()) <= MAX_SUB_BYTES


def _audience(claims: dict) -> bool:
    if config.TOKEN_AUDIENCE is None:
        return True
    aud = claims.get("aud")
    return config.TOKEN_AUDIENCE in aud if isinstance(aud, list) else aud == config.TOKEN_AUDIENCE


def _issuer(claims: dict) -> bool:
    return config.TOKEN_ISSUER is None or claims.get("iss") == config.TOKEN_ISSUER


def _rooms(claims: dict) -> bool:
    rooms = claims.get("rooms", [])
    return isinstance(rooms, list) and all(isinstance(room, str) for room in rooms)


def _not_before(claims: dict) -> bool:
    if "nbf" not in claims:
        return True
    return _number(claims["nbf"]) and time.time() >= claims["nbf"] - config.TOKEN_LEEWAY_S
# endregion verify
