import { UsageError } from '#conformance/harness/verdict.js';
import { alternatives } from '#conformance/nearest.js';

/** Reads a text; what is wrong with it is told by a UsageError that begins with `from`. */
export type Read<T> = (text: string, from: string) => T;

/** A duration in milliseconds from `500ms`, `30s` or `5m`. */
export function duration(text: string, from: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1_000, m: 60_000 }[unit ?? ''];
  if (factor === undefined)
    throw new UsageError(`${from} takes a time such as 500ms, 30s or 5m, not '${text}'`);
  return Math.round(Number(number) * factor);
}

/** A WebSocket URL; http and https stand for ws and wss. */
export function url(value: string, from: string): string {
  const scheme = URL.canParse(value) ? new URL(value).protocol : '';
  if (!/^(wss?|https?):$/.test(scheme)) {
    throw new UsageError(`${from} takes a URL such as ws://127.0.0.1:8080/ws, not '${value}'`);
  }
  return value;
}

/** A text that is not empty. */
export function text(value: string, from: string): string {
  if (value.trim() === '') throw new UsageError(`${from} must not be empty`);
  return value;
}

/** A path that begins with a slash. */
export function path(value: string, from: string): string {
  if (!value.startsWith('/'))
    throw new UsageError(`${from} takes a path that begins with /, not '${value}'`);
  return value;
}

/** A whole number from 0. */
export function whole(value: string, from: string): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number))
    throw new UsageError(`${from} takes a whole number, not '${value}'`);
  return number;
}

/** A whole number from 1. */
export function positive(value: string, from: string): number {
  const number = whole(value, from);
  if (number < 1) throw new UsageError(`${from} has to be at least 1, not '${value}'`);
  return number;
}

/** Which part of how many: `1/4`. */
export function shard(value: string, from: string): { index: number; count: number } {
  const [, index, count] = (/^(\d+)\/(\d+)$/.exec(value) ?? []).map(Number);
  if (index === undefined || count === undefined || index < 1 || index > count) {
    throw new UsageError(`${from} takes i/n with i from 1 to n, such as 1/4, not '${value}'`);
  }
  return { index, count };
}

/** A cookie value and its user: `value=user`. */
export function session(value: string, from: string): { value: string; user: string } {
  const at = value.lastIndexOf('=');
  if (at < 1 || at === value.length - 1)
    throw new UsageError(`${from} takes <cookie value>=<user>, and one of the two is missing`);
  return { value: value.slice(0, at), user: value.slice(at + 1) };
}

/** One of several words, in any case of letters. */
export function choice<T extends string>(allowed: readonly T[]): Read<T> {
  return (value, from) => {
    const found = allowed.find((each) => each.toLowerCase() === value.toLowerCase());
    if (found === undefined)
      throw new UsageError(`${from} takes ${alternatives(allowed)}, not '${value}'`);
    return found;
  };
}

/** Yes or no, in the words that variables use. */
export function yesOrNo(value: string, from: string): boolean {
  if (/^(1|true|yes|on)$/i.test(value)) return true;
  if (/^(0|false|no|off)$/i.test(value)) return false;
  throw new UsageError(`${from} takes 1 or 0, not '${value}'`);
}
