import type { RuleId } from './requirements.js';
import type { Sign } from './signs.js';

/** A failed check, and what its clients saw beside its failure. */
export interface Failed {
  check: string;
  rule: string;
  /** What was expected, and what happened. */
  said: string;
  /** How grave it is: no failure is put down to a milder one. */
  grade: number;
  signs: readonly Sign[];
}

/** Why another failure probably explains one. */
interface Cause {
  /** The check whose failure explains it. */
  check: string;
  /** What its own clients saw of that, in words. */
  because: string;
}

// What comes too often or to the wrong place does not explain that something else did not come.
const tooMuch = ({ source }: RegExp) => new RegExp(`^(?![^]*did not come)[^]*(?:${source})`);

const refused = /rate_limited|refus|admitted|4101|did not come|\berror\b|still open/;

// What a broken rule may make of other checks shows in what these say. The most basic rule comes first: of several it
// is the cause, and the others follow from it.
const EXPLAINS: ReadonlyMap<string, RegExp> = new Map<RuleId, RegExp>([
  ['transport-server-frames-well-formed', /./],
  ['messages-json-object', /./],
  ['messages-no-binary-unannounced', /binary|receiv/],
  ['messages-type-announced', /receiv/],
  ['rates-users-apart', refused],
  ['rates-buckets-apart', refused],
  ['rates-burst-admitted', refused],
  ['rates-over-refused', /rate_limited|refus|admitted|4101|still open/],
  ['rates-refusal-members', /bucket|limit|retry_after_ms|undefined/],
  ['rooms-join-acked', /member|count|seq|epoch|undefined|recovered|replay/],
  ['rooms-leave-acked', /leave/],
  ['rooms-leave-idempotent', /leave/],
  ['rooms-members-acked', /member|count|undefined/],
  ['rooms-join-idempotent', /join/],
  ['rooms-claim-forbids', /forbidden/],
  ['rooms-claim-allows', /forbidden/],
  ['limits-rooms-reached', /too_many_rooms/],
  ['limits-rooms-over-refused', /too_many_rooms/],
  ['authentication-refresh-rejected', /auth_failed/],
  ['rooms-leave-this-connection-only', /not_in_room/],
  ['chat-acked', /\bid\b|\bids\b|seq|ack|undefined|null|\{\}/],
  ['typing-acked', /typing/],
  ['direct-ack-carries-event-id', /\bid\b|ack|undefined/],
  ['broadcast-ack-carries-event-id', /\bid\b|ack|undefined/],
  ['binary-ack-carries-id-and-seq', /\bid\b|seq|ack|undefined|null/],
  ['messages-no-ack-without-id', /\back|repl/],
  ['errors-ref', /\bref\b|repl/],
  ['messages-events-without-ref', /\bref\b|repl|\back\b/],
  ['messages-replies-to-requester-only', /repl|ack|error|pong|receiv/],
  ['messages-one-reply', /repl|ack|error|receiv/],
  ['messages-room-on-replies', /room/],
  ['errors-retryable', /retryable/],
  ['rooms-presence-not-to-oneself', tooMuch(/\b(?:join|leave)\b/)],
  ['rooms-join-this-connection-only', tooMuch(/receiv|come|came|hear/)],
  [
    'rooms-no-leak-to-strangers',
    tooMuch(/receiv|come|came|hear|replayed|copies|event|chat|\bseq\b/),
  ],
  ['rooms-leave-stops-events', tooMuch(/receiv|come|came|hear|event/)],
  ['rooms-join-ack-first', tooMuch(/receiv|come|came|before/)],
  ['chat-delivered-once', tooMuch(/receiv|come|came|copies|event|chat|text|meta|\bseq\b/)],
  ['binary-delivered-once-as-binary', tooMuch(/receiv|come|came|copies|event|binary|\bseq\b/)],
  ['rooms-join-not-doubled', tooMuch(/receiv|come|came|copies|event|chat|text|\bseq\b/)],
  ['rooms-presence-leave', /leave|typing/],
  ['rooms-closed-has-left', /leave|typing|member|count|disconnect/],
  ['rooms-presence-join', /\bjoin\b/],
  ['rooms-rejoin-silent', tooMuch(/\bjoin\b/)],
  ['rooms-presence-join-first-only', tooMuch(/\bjoin\b/)],
  ['rooms-presence-leave-last-only', tooMuch(/\bleave\b/)],
  ['rooms-presence-reason-left', /reason|leave/],
  ['rooms-presence-reason-disconnected', /reason|leave/],
  ['chat-echoed-to-sender', /chat|seq|text|event|did not (?:come|receive)/],
  ['chat-delivered-to-members', /chat|seq|text|event|did not (?:come|receive)/],
  ['chat-from-verified', /\bfrom\b|sender|user/],
  ['rooms-fresh-seq-zero', /\bseq\b|replayed/],
  ['chat-seq-increments', /\bseq\b|recovered|replay/],
  ['chat-ack-matches-event', /\bid\b|\bseq\b|ack/],
  ['chat-ids-unique', /\bids?\b/],
  ['chat-copies-identical', /timestamp|from|copies|event/],
  ['rooms-epoch-shared', /epoch|recovered|replay/],
  ['rooms-join-includes-oneself', /member/],
  ['rooms-members-complete', /member|list/],
  ['rooms-members-unique', /member|list|count/],
  ['rooms-members-no-ghosts', /member|list|count/],
  ['rooms-count-users', /count/],
  ['messages-timestamp-form', /timestamp/],
  ['errors-connection-kept', /ended first/],
  ['errors-budget-tolerated', /ended first/],
  ['limits-connections-reached', /ended first/],
  ['rates-close-after-not-before', /ended first/],
  ['backpressure-short-pause-tolerated', /ended first/],
  ['heartbeat-answering-peer-kept', /ended first/],
  ['closes-code-registered', /clos/],
  ['closes-reason-registered', /clos/],
  ['closes-reason-grammar', /clos/],
  ['closes-retry-after', /clos|retry_after/],
  ['messages-schema-valid', /undefined|schema/],
]);
const SCHEMA: RuleId = 'messages-schema-valid';
const PLACES = new Map([...EXPLAINS.keys()].map((rule, place) => [rule, place]));

// Rules that another, more telling one may be broken with: a reply in general, an end that nobody wanted.
const GENERAL: ReadonlySet<string> = new Set<RuleId>([
  'messages-schema-valid',
  'messages-one-reply',
  'errors-connection-kept',
  'errors-budget-tolerated',
  'limits-connections-reached',
  'rates-close-after-not-before',
  'backpressure-short-pause-tolerated',
  'heartbeat-answering-peer-kept',
]);

/**
 * Which failures probably follow from others: their clients saw a rule broken whose own check failed in this run, and
 * what they say is of the kind that it may lead to. Where several explain one, the most basic does.
 */
export function causesOf(failed: readonly Failed[]): Map<string, Cause> {
  const byRule = new Map<string, Failed[]>();
  for (const each of failed) byRule.set(each.rule, [...(byRule.get(each.rule) ?? []), each]);
  return new Map(
    failed.flatMap((each) => {
      const cause = causeOf(each, byRule);
      return cause ? [[each.check, cause]] : [];
    }),
  );
}

function causeOf(each: Failed, byRule: ReadonlyMap<string, readonly Failed[]>): Cause | undefined {
  const own = place(each.rule);
  const seen = ownSign(each);
  const found = each.signs
    .filter((sign) => explains(sign, each))
    .toSorted((a, b) => place(a.rule) - place(b.rule));
  for (const sign of found) {
    const all = (byRule.get(sign.rule) ?? []).filter(({ grade }) => grade <= each.grade);
    // The checks that stand for the rule: their own clients saw the same.
    const stands = all.filter((other) => sees(other, sign));
    const cause = main(stands) ?? (seen ? undefined : main(all.filter((other) => !ownSign(other))));
    if (!cause || cause === each) continue;
    const basic = place(sign.rule) < own;
    // Who sees its own rule broken needs no other explanation, unless it sees the same thing under a basic name.
    const free = !seen || (basic && (seen.told === sign.told || GENERAL.has(each.rule)));
    const same = sign.rule === each.rule && seen !== undefined;
    // Where nobody saw the cause itself, only what is more basic explains: no two may explain each other.
    if (same || (free && (basic || stands.length > 0)))
      return { check: cause.check, because: sign.told };
  }
  return undefined;
}

const place = (rule: string) => PLACES.get(rule) ?? PLACES.size;
const ownSign = ({ rule, signs }: Failed) => signs.find((sign) => sign.rule === rule);
const sees = ({ signs }: Failed, { rule, kind }: Sign) =>
  signs.some((sign) => sign.rule === rule && sign.kind === kind);
const main = (all: readonly Failed[]) => all.find(({ check, rule }) => check === rule) ?? all[0];

function explains({ rule, word, told }: Sign, { rule: own, said, signs }: Failed): boolean {
  // A schema may be broken in many ways, and one explains nothing of another.
  const fault = own === SCHEMA && signs.find((sign) => sign.rule === SCHEMA);
  if (fault && rule !== SCHEMA) return fault.word !== undefined && mentions(told, fault.word);
  return word === undefined ? (EXPLAINS.get(rule)?.test(said) ?? false) : mentions(said, word);
}

function mentions(said: string, word: string): boolean {
  const words = (text: string) => ` ${text.replace(/\W+/g, ' ')} `;
  return words(said).includes(words(word));
}
