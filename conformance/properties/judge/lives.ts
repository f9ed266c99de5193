import { closes } from '#schemas/closes.js';
import type { JudgedRule } from '../judged.js';
import { type Connection, type Facts, refusal } from './facts.js';
import type { Findings } from './findings.js';

const NEVER = Number.POSITIVE_INFINITY;

/** Codes that an operator or an application may close with at any time. */
const theirs = (code: number) =>
  [1001, 1012, 4004, 4006, 4007, 4100, 4103, 4200].includes(code) || code >= 4900;

/** No conversation makes this many bytes wait; a server that announces less may run out. */
const AMPLE_QUEUE = 65_536;

/** How connections begin and end: welcomed once, and closed by nobody but us. */
export function lives(facts: Facts, findings: Findings): void {
  const ids = new Map<string, Connection>();
  for (const connection of facts.connections) {
    welcome(facts, connection, ids, findings);
    if (connection.ending?.breach) breached(facts, connection, findings);
    else if (connection.closed && !connection.ending) ended(facts, connection, findings);
  }
}

function welcome(
  facts: Facts,
  connection: Connection,
  ids: Map<string, Connection>,
  findings: Findings,
): void {
  const [first, ...later] = connection.received;
  const about = [`connection:${connection.number}`];
  const who = facts.who(connection);
  if (!first) {
    if (facts.final && connection.over === NEVER)
      findings.add({
        rule: 'handshake-welcome-prompt',
        expected: 'a welcome',
        actual: `${who} received nothing`,
        entries: [connection.opened],
        about,
        absence: true,
      });
    return;
  }
  findings.saw('handshake-welcome-first');
  if (first.message.type !== 'welcome')
    findings.add({
      rule: 'handshake-welcome-first',
      expected: 'a welcome as the first message',
      actual: `${who} received a ${first.message.type} first`,
      entries: [connection.opened, first.n],
      about,
    });
  const again = later.find((each) => each.message.type === 'welcome');
  if (again)
    findings.add({
      rule: 'handshake-welcome-once',
      expected: 'one welcome',
      actual: `${who} received another`,
      entries: [first.n, again.n],
      about,
    });
  const { user, connection_id: id } = first.message.data;
  if (user !== connection.user)
    findings.add({
      rule: 'authentication-user-is-sub',
      expected: `a welcome for ${facts.name(connection.user)}`,
      actual: `${who} received one for ${facts.name(user)}`,
      entries: [connection.opened, first.n],
      about,
    });
  const other = ids.get(String(id));
  if (other)
    findings.add({
      rule: 'handshake-connection-id-unique',
      expected: 'a connection_id of its own',
      actual: `${who} has that of ${facts.who(other)}, ${id}`,
      entries: [other.welcomed, first.n],
      about,
    });
  ids.set(String(id), connection);
}

/** After a breach the server ends the connection, and says why where it has to. */
function breached(facts: Facts, connection: Connection, findings: Findings): void {
  const { ending, closed, number } = connection;
  const { breach } = ending ?? {};
  if (!ending || !breach) return;
  findings.saw(breach.rule);
  const told = (actual: string, absence: boolean) =>
    findings.add({
      rule: breach.rule,
      expected:
        breach.codes.length > 0
          ? `the close code ${breach.codes[0]} after ${breach.label}`
          : `the end of the connection after ${breach.label}`,
      actual,
      entries: [ending.n, closed?.n ?? -1],
      about: [`connection:${number}`],
      absence,
    });
  if (!closed) {
    if (facts.final) told('the connection was kept', true);
  } else if (breach.codes.length > 0 && !breach.codes.includes(closed.code)) {
    // A server that was held up comes to its timers before it comes to what it was sent.
    if (closed.code === 4201 && mayBeHeartbeat(facts, connection)) return;
    told(`it was closed with ${closed.code}`, false);
  }
}

/** Whether an end without a reason may be a heartbeat's: only when there was time for one. */
export function mayBeHeartbeat(facts: Facts, connection: Connection): boolean {
  const { interval_ms, timeout_ms } = facts.announced.heartbeat;
  return (connection.closed?.at ?? 0) - connection.openedAt >= Math.min(interval_ms, timeout_ms);
}

function ended(facts: Facts, connection: Connection, findings: Findings): void {
  const { closed } = connection;
  if (!closed || theirs(closed.code) || closed.code === 4201) return;
  // A server that was starved of time may take a quick answer to a Ping for none; the heartbeat's own checks judge that.
  if ([1006, 1011].includes(closed.code) && mayBeHeartbeat(facts, connection)) return;
  const open = connection.requests.find(
    (each) => !each.reply && each.message.id !== undefined && each.n < closed.n,
  );
  const last = connection.requests.findLast((each) => each.reply);
  const rule = ruleOf(facts, connection, closed.code);
  if (!rule) return;
  findings.add({
    rule:
      rule === 'generic'
        ? open
          ? 'messages-one-reply'
          : last && refusal(last)
            ? 'errors-connection-kept'
            : 'heartbeat-answering-peer-kept'
        : rule,
    expected:
      open && rule === 'generic'
        ? `a reply to the ${open.message.type}, and the connection kept`
        : 'the connection kept',
    actual: `${facts.who(connection)} was closed with ${closed.code}${closed.reason ? ` ${closed.reason}` : ''}${open ? `, before the reply to a ${open.message.type}` : ''}`,
    entries: [connection.opened, ...(open ? [open.n] : []), closed.n],
    about: [`connection:${connection.number}`],
  });
}

function ruleOf(
  facts: Facts,
  connection: Connection,
  code: number,
): JudgedRule | 'generic' | undefined {
  const { limits, rates } = facts.announced;
  const own = facts.of(connection.user);
  const closed = connection.closed;
  if (code >= 3000 && !closes.some((each) => each.code === code)) return 'closes-code-registered';
  if (code === 4005) {
    const alive = own.filter(
      (each) =>
        each !== connection && each.opened < (closed?.n ?? 0) && each.gone > connection.opened,
    );
    return alive.length < limits.max_connections_per_user
      ? 'limits-connections-reached'
      : undefined;
  }
  if (code === 4000) {
    const faults = connection.requests.filter((each) => each.faulty).length;
    return faults < limits.max_protocol_errors ? 'errors-budget-tolerated' : undefined;
  }
  if (code === 4101) {
    const refusals = own
      .flatMap((each) => each.requests)
      .filter((each) => refusal(each) === 'rate_limited').length;
    const budgets = rates.filter((each) => each.close_after > 0).map((each) => each.close_after);
    if (budgets.length === 0) return 'rates-close-after-zero';
    // The last refusal may have gone unanswered.
    return refusals + 1 < Math.min(...budgets) ? 'rates-close-after-not-before' : undefined;
  }
  if (code === 4102)
    return limits.max_queue_bytes >= AMPLE_QUEUE ? 'backpressure-short-pause-tolerated' : undefined;
  if (code === 4001 && closed?.reason === 'token_expired') return 'authentication-expiry-not-early';
  return 'generic';
}
