import type { TimelineEntry } from './events.js';

type Kind = TimelineEntry['kind'];
type Direction = TimelineEntry['direction'];

const MAX_TEXT = 2_000;
const MAX_SEEN = 20_000;
const KEEP_FIRST = 150;
const KEEP_LAST = 350;

/** The timeline of one check: what each client sent and saw, bounded, with its secrets taken out. */
export class Journal {
  readonly #start = performance.now();
  readonly #first: Raw[] = [];
  #last: Raw[] = [];
  #dropped = 0;
  #ended = false;
  readonly #secrets = new Set<string>();

  /** Milliseconds since the check began. */
  get elapsed(): number {
    return performance.now() - this.#start;
  }

  /** Takes no further entry: what comes now does not belong to the check. */
  end(): void {
    this.#ended = true;
  }

  /** Adds an entry; a text longer than 2,000 characters is cut. */
  add(peer: string, direction: Direction, kind: Kind, text: string | Buffer): void {
    if (this.#ended) return;
    const entry = { at: this.elapsed, peer, direction, kind, text: this.#shorten(text) };
    if (this.#first.length < KEEP_FIRST) {
      this.#first.push(entry);
      return;
    }
    this.#last.push(entry);
    if (this.#last.length < 2 * KEEP_LAST) return;
    this.#dropped += this.#last.length - KEEP_LAST;
    this.#last = this.#last.slice(-KEEP_LAST);
  }

  /** Names a text that never leaves this journal: a token, a cookie's value. */
  keepSecret(secret: string): void {
    if (secret.length >= 8) this.#secrets.add(secret);
  }

  /** Takes the secrets out of a text. */
  redact(text: string): string {
    let out = text;
    for (const secret of this.#secrets) {
      out = out.replaceAll(secret, '[redacted]');
      const encoded = encodeURIComponent(secret);
      if (encoded !== secret) out = out.replaceAll(encoded, '[redacted]');
    }
    return out;
  }

  /** The entries so far, for people and reports. */
  entries(): TimelineEntry[] {
    const last = this.#last.slice(-KEEP_LAST);
    const dropped = this.#dropped + this.#last.length - last.length;
    const gap: TimelineEntry[] = dropped
      ? [
          {
            at_ms: Math.round(last[0]?.at ?? 0),
            peer: '',
            direction: 'note',
            kind: 'note',
            text: `… ${dropped} entries left out …`,
          },
        ]
      : [];
    return [...this.#first.map(this.#entry), ...gap, ...last.map(this.#entry)];
  }

  // A text is cut after its secrets are gone: half a secret would not be found any more.
  #shorten(text: string | Buffer): string {
    if (text.length <= MAX_TEXT) return text.toString();
    const head =
      typeof text === 'string' ? text.slice(0, MAX_SEEN) : text.toString('utf8', 0, MAX_SEEN);
    const unit = typeof text === 'string' ? 'characters' : 'bytes';
    return `${this.redact(head).slice(0, MAX_TEXT)}… (${text.length} ${unit})`;
  }

  readonly #entry = ({ at, text, ...rest }: Raw): TimelineEntry => ({
    at_ms: Math.round(at * 10) / 10,
    ...rest,
    text: this.redact(text),
  });
}

type Raw = Omit<TimelineEntry, 'at_ms'> & { at: number };
