import type { Reporter, RunEvent } from '#conformance/harness/events.js';

// Each names the part that has to go as the group `secret`; what stands around it stays readable.
const PATTERNS: readonly RegExp[] = [
  /(?<=[?&;](?:token|access_token|session_token|api_key)=)(?<secret>[^&\s"'#<>]+)/gi,
  /(?<=\b(?:proxy-)?authorization\\?"?\s*[:=]\s*\\?"?(?:[a-z]+ +)?)(?<secret>[^\s"\\,]+)/gi,
  /(?<=\bbearer +)(?<secret>[^\s"\\,]+)/gi,
  /(?<=\b(?:set-)?cookie\\?"?\s*[:=]\s*\\?"?)(?<secret>[^\r\n"\\]+)/gi,
  /(?<=\\?"(?:token|secret|password|session_token|access_token)\\?"\s*:\s*\\?")(?<secret>(?:[^"\\]|\\(?!")[^"])+)/gi,
  /(?<=\b[A-Z_]*(?:SECRET|PASSWORD|TOKEN|SESSIONS|PRIVATE_KEY)=)(?<secret>"[^"]*"|'[^']*'|[^\s"'\\]+)/g,
  /(?<=-----BEGIN [A-Z ]*PRIVATE KEY-----)(?<secret>[\s\S]*?)(?=-----END|$)/g,
  /(?<=\b(?:wss?|https?):\/\/)(?<secret>[^/\s@"]+)(?=@)/gi,
];
const JWT = /\bey[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){1,4}/g;
const SHORTEST = 4;

/** A function that takes secrets out of a text: tokens, cookies, authorization headers, keys, and the values given. */
export function redactor(secrets: readonly string[] = []): (text: string) => string {
  const literals = [
    ...new Set(secrets.filter((each) => each.length >= SHORTEST).flatMap(spellings)),
  ].sort((a, b) => b.length - a.length);
  return (text) => {
    let out = text;
    for (const literal of literals) out = out.replaceAll(literal, '[redacted]');
    out = out.replace(JWT, describeToken);
    for (const pattern of PATTERNS) out = out.replace(pattern, keepMarks);
    return out.replace(/\[redacted\](?:\.\[redacted\])+/g, '[redacted]');
  };
}

/** A reporter that sees every event with its secrets taken out; the one gate before all reports. */
export function redacting(report: Reporter, secrets: readonly string[] = []): Reporter {
  const redact = redactor(secrets);
  return (event) => {
    const clean = deep(event, redact) as RunEvent;
    // The sentence of a rule is ours: where it speaks of a header, there is nothing to hide.
    return report(
      event.event === 'check_end' ? ({ ...clean, text: event.text } as RunEvent) : clean,
    );
  };
}

function deep(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map((each) => deep(each, redact));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [redact(key), deep(each, redact)]),
  );
}

// The header of a token is no secret and often the very thing that a failure is about.
function describeToken(token: string): string {
  const parts = token.split('.');
  try {
    const header: unknown = JSON.parse(Buffer.from(parts[0] ?? '', 'base64url').toString('utf8'));
    const alg = typeof header === 'object' && header !== null && 'alg' in header ? header.alg : '?';
    return `[token alg=${String(alg).slice(0, 20)}, ${parts.length} segments, redacted]`;
  } catch {
    // Base64 that is no JSON is no token header, but may be one that was cut off.
    return '[token redacted]';
  }
}

function keepMarks(match: string): string {
  return match.includes('redacted]') ? match : '[redacted]';
}

function spellings(secret: string): string[] {
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
}
