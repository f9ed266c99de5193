import { Assertions } from './assertions.js';
import type { Overrides } from './contract.js';
import { runControl } from './control.js';
import { slowest } from './delays.js';
import { type Counting, exhaustion } from './exhaustion.js';
import type { FrameFault } from './faults.js';
import type { RequestInit } from './handshake.js';
import type { Host } from './host.js';
import { type HttpAnswer, type HttpInit, httpRequest } from './http.js';
import type { Journal } from './journal.js';
import { knock } from './knock.js';
import { type Loss, lost } from './loss.js';
import type { Message } from './message.js';
import { Peer } from './peer.js';
import type { Instance } from './process.js';
import type { RuleId } from './requirements.js';
import { noWelcome, ROOT_DIED, type StageRun } from './shared.js';
import { type Sign, signsOf } from './signs.js';
import type { Changes, Minter } from './tokens.js';
import { type Explanation, Inconclusive, NotExercised, Violation } from './verdict.js';
import { Waits } from './waits.js';
import { bucketOf, differing, isRate, type Rate, type Welcome } from './welcome.js';

/** How to open a connection without assuming anything of its outcome. */
export interface OpenOptions extends RequestInit {
  /** A token for `?token=`. */
  token?: string | undefined;
  /** Which instance of a cluster, from 0, or one that was launched. */
  at?: number | Instance;
  /** Bytes to send in the same segment as the request. */
  early?: Uint8Array;
  /** Name in the timeline; default `client`. */
  label?: string;
  /** False: the server's Pings stay unanswered. */
  autoPong?: boolean;
}

/** How to connect a welcomed user. */
export interface ConnectOptions extends OpenOptions {
  /** Claims and header members to change in the token. */
  claims?: Changes;
  header?: Changes;
}

const SETTLE_MS = 1_000;
// What was sent on one connection before an answer on another may take a little longer.
const CROSSING_MS = 250;

let count = 0;

// A check that was let go of waits for this: it goes no further.
const never = (): Promise<never> => new Promise(() => {});

/** What a check gets: clients, names of its own, and verdicts. All methods are bound. */
export class Stage extends Assertions {
  readonly journal: Journal;
  /** What frames of this check broke, the first fault of each rule. */
  readonly findings = new Map<RuleId, FrameFault>();
  /** Mistakes of ours that surfaced in an event. */
  readonly bugs: unknown[] = [];
  /** Whether this is the last attempt. */
  readonly final: boolean;
  /** What the check counts on. */
  counting: Counting | undefined;
  #since = performance.now();
  /** Whether connections go to the instances of a cluster in turn; else all go to the first. */
  spread = false;
  readonly #run: StageRun;
  readonly #namespace: string;
  readonly #peers = new Set<Peer>();
  /** Where opening handshakes and HTTP requests are under way. */
  readonly #entering = new Set<{ href: string }>();
  readonly #aborts = new Set<() => void>();
  readonly #undos = new Set<() => Promise<void>>();
  readonly #waits: Waits;
  readonly #own: Instance | undefined;
  readonly #sent = { bytes: 0, frames: 0 };
  #ids = 0;
  #ended = false;
  #knocking: Promise<void> | undefined;
  /** Whether a server did not even answer a further connection. */
  #mute = false;
  #fences = 0;
  #connections = 0;

  constructor(run: StageRun, journal: Journal, nonce: string, final: boolean, own?: Instance) {
    super();
    this.#run = run;
    this.#waits = new Waits(run.watchdog, () => this.#unseen());
    this.#own = own;
    this.journal = journal;
    this.final = final;
    count += 1;
    this.#namespace = `${nonce}${count.toString(36)}`;
  }

  /** Addresses of the target; of the own instance where the check has one. */
  get urls(): readonly string[] {
    return this.#own ? [this.#own.url] : this.#run.target.urls;
  }

  /** The instance that was started for this check. @throws Error without `options.instance` */
  get instance(): Instance {
    if (!this.#own) throw new Error('this check has no instance: give it options.instance');
    return this.#own;
  }

  /** Whether the target speaks Parlor; else it is any WebSocket server. */
  get parlor(): boolean {
    return !this.#run.target.plain;
  }

  /** What the target announces. @throws NotExercised when it never welcomed anybody */
  get welcome(): Welcome {
    if (!this.#run.welcome)
      throw new NotExercised('the target never sent a welcome that announces its numbers');
    return this.#run.welcome;
  }

  /** Whether the target announces a feature. */
  readonly announces = (feature: string): boolean => this.welcome.features.includes(feature);

  /** @throws NotExercised when the target does not announce this feature */
  readonly needs = (feature: string): void => {
    if (!this.announces(feature)) this.notExercised(`\`${feature}\` is not announced`);
  };

  /** Seed of whatever this run draws at random. */
  get seed(): number {
    return this.#run.seed;
  }

  /** The announced bucket of that name. @throws NotExercised when there is none */
  readonly rate = (bucket: string): Rate => {
    const found =
      this.welcome.rates.find((rate) => rate.bucket === bucket) ??
      bucketOf(this.welcome, bucket === 'messages' ? 'chat' : 'join');
    if (!found) throw new NotExercised(`the target announces no bucket '${bucket}'`);
    return found;
  };

  /** How many messages of a type one window admits; infinite where no bucket counts them. */
  readonly limitOf = (type: string): number =>
    bucketOf(this.welcome, type)?.limit ?? Number.POSITIVE_INFINITY;

  /** The tokens of the target. @throws NotExercised when the runner cannot mint any */
  get minter(): Minter {
    const minter = this.#own?.minter ?? this.#run.target.minter;
    if (!minter) throw new NotExercised('the runner has no secret or key to mint tokens with');
    return minter;
  }

  /** A session that the target knows: cookie value and user, by index. @throws NotExercised when there is none */
  readonly session = (index = 0): { value: string; user: string } => {
    const found = this.#run.target.sessions[index];
    if (!found)
      throw new NotExercised(
        `the target has ${this.#run.target.sessions.length} sessions, this check needs ${index + 1}`,
      );
    this.journal.keepSecret(found.value);
    return found;
  };

  /** A session that no other check is given, and so may be revoked; of this user, where one is named. @throws NotExercised when none is left */
  readonly spareSession = (user?: string): { value: string; user: string } => {
    const { spareSessions } = this.#run.target;
    const index = spareSessions.findIndex((each) => user === undefined || each.user === user);
    const [found] = index < 0 ? [] : spareSessions.splice(index, 1);
    if (!found)
      throw new NotExercised(
        `the target has no further session${user === undefined ? '' : ` of ${user}`} that may be revoked`,
      );
    this.journal.keepSecret(found.value);
    return found;
  };

  /** The allowed origins. */
  get origins(): readonly string[] {
    return this.#run.target.origins;
  }

  /** The user of a label: a name that no other check uses. */
  readonly user = (label: string): string => this.#name(label);

  /** The room of a label: a name that no other check uses. */
  readonly room = (label: string): string => this.#name(label);

  /** A token of a label's user; claims and header members are merged, undefined removes. */
  readonly mint = (label: string, claims: Changes = {}, header: Changes = {}): string =>
    this.secret(this.minter.mint(this.user(label), claims, header));

  /** Marks a text as secret: it never reaches a report. */
  readonly secret = (text: string): string => {
    this.journal.keepSecret(text);
    for (const part of text.split('.')) if (part.length > 16) this.journal.keepSecret(part);
    return text;
  };

  /** Connects a user with valid credentials and waits for the welcome; the same label again is another connection. */
  readonly connect = async (label: string, options: ConnectOptions = {}): Promise<Peer> => {
    const { hopeless } = this.#run;
    // What is started for a check is the same server: who welcomes nobody here welcomes nobody there.
    if (hopeless && !(this.#own && hopeless.root === ROOT_DIED))
      throw hopeless.root === undefined ? noWelcome(hopeless) : hopeless;
    const { claims, header, ...rest } = options;
    if (!this.parlor) return this.open({ label, ...rest, token: this.#optionalToken(label) });
    const authorized = Object.keys(rest.headers ?? {}).some((name) =>
      /^authorization$/i.test(name),
    );
    const given = rest.token !== undefined || rest.cookie !== undefined || authorized;
    const credentials = given ? {} : { token: await this.#mintSoon(label, claims, header) };
    try {
      const peer = await this.open(
        { subprotocols: ['parlor.v1'], label, at: this.#nextInstance(), ...rest, ...credentials },
        label,
      );
      await peer.receives('welcome');
      this.#run.welcomed(true);
      return peer;
    } catch (error) {
      if (!(error instanceof Violation) || this.#own) throw error;
      this.#run.welcomed(false);
      throw noWelcome(error);
    }
  };

  /** Connects users and joins each to the room, in order; the `join` events that this causes count as consumed. */
  readonly join = async <const Labels extends readonly string[]>(
    room: string,
    ...labels: Labels
  ): Promise<{ -readonly [Index in keyof Labels]: Peer }> => {
    const peers = await Promise.all(labels.map((label) => this.connect(label)));
    for (const peer of peers) {
      const present = [...this.#peers].filter((each) => each.isIn(room));
      // One event for a user's first connection, to the members of other users.
      if (!present.some(({ user }) => user === peer.user))
        for (const each of present) each.ignoreOne('join', { room, data: { user: peer.user } });
      await peer.joins(room);
    }
    return peers as { -readonly [Index in keyof Labels]: Peer };
  };

  /** Opens a connection: whatever the server answers is in `peer.response`. */
  readonly open = async (options: OpenOptions = {}, user?: string): Promise<Peer> => {
    if (this.#ended) return never();
    const { token, at = 0, early, label = 'client', autoPong = true, ...request } = options;
    const url = this.#urlOf(at);
    if (token !== undefined) this.secret(token);
    const inside = await this.enter(url);
    const peer = new Peer(
      this.#host,
      label,
      user === undefined ? '' : this.user(user),
      url,
      token === undefined
        ? request
        : { ...request, query: [['token', token], ...(request.query ?? [])] },
      early,
    );
    peer.autoPong = autoPong;
    this.#peers.add(peer);
    await peer.opened().finally(inside);
    return peer;
  };

  /** An HTTP request to the server; `path` is absolute. */
  readonly http = async (
    path: string,
    init: HttpInit & { at?: number | Instance } = {},
  ): Promise<HttpAnswer> => {
    const { at = 0 } = init;
    const url = this.#urlOf(at);
    const inside = await this.enter(url);
    const target = new URL(path, url);
    target.protocol = url.protocol === 'wss:' ? 'https:' : 'http:';
    this.journal.add('http', 'sent', 'http', `${init.method ?? 'GET'} ${path}`);
    const answer = await this.within(httpRequest(target, init), {
      expected: `an answer to ${init.method ?? 'GET'} ${path}`,
      actual: 'no complete answer came',
    }).finally(inside);
    this.journal.add('http', 'received', 'http', `HTTP ${answer.status} ${answer.body}`);
    return answer;
  };

  /** Waits for a turn at the server's door. @returns what says that one is through, or gone */
  readonly enter = async ({ href }: URL): Promise<() => void> => {
    const back = await this.#run.door.take();
    const here = { href };
    const inside = () => {
      this.#entering.delete(here);
      this.#aborts.delete(inside);
      back();
    };
    if (this.#ended) {
      inside();
      return never();
    }
    this.#entering.add(here);
    this.#aborts.add(inside);
    return inside;
  };

  /** Runs a control command of the target. */
  readonly control = (command: string, input?: unknown): Promise<unknown> => {
    this.journal.add('control', 'sent', 'note', `${command} ${JSON.stringify(input ?? {})}`);
    const own = this.#own?.control;
    return runControl({ ...this.#run.target.control, ...own }, command, input);
  };

  /**
   * What the server has logged so far: the output of the check's own instance, else what the control command
   * `logs.read` prints, which is one JSON string.
   */
  readonly log = async (): Promise<string> => {
    if (this.#own) return this.#own.output.stdout;
    const { control } = this.#run.target;
    const text = await runControl(control, 'logs.read', {});
    if (typeof text === 'string') return text;
    throw new Inconclusive(
      `the control command 'logs.read' has to print a JSON string, not ${typeof text}`,
    );
  };

  /** Lengthens every later wait of this check by an announced time, in milliseconds. */
  readonly patience = (ms: number): void => this.#waits.lengthen(ms);

  /**
   * What a right but slow server did not come to in time: inconclusive, as a busy machine may have been the cause, and
   * not exercised where it is so again.
   */
  readonly tooLate = (reason: string): never =>
    this.final ? this.notExercised(reason) : this.inconclusive(reason);

  /** Waits for a promise as patiently as for a message. */
  readonly within = <T>(promise: Promise<T>, explanation: Explanation, extraMs = 0): Promise<T> =>
    this.#waits.within(promise, explanation, extraMs);

  /** Lets a time pass: only for rules that speak of one. */
  readonly pause = (ms: number): Promise<void> => this.#waits.pause(ms);

  /** Writes a remark into the timeline. */
  readonly note = (text: string): void => this.journal.add('', 'note', 'note', text);

  /**
   * Makes a costly observation once for all checks of the run that name it. The last attempt makes it once more, as a
   * busy machine may have spoilt it; unless it is `steady`, whatever the machine does.
   */
  readonly once = <T>(
    name: string,
    observe: () => Promise<T>,
    { steady = false }: { steady?: boolean } = {},
  ): Promise<T> => {
    const key = this.final && !steady ? `${name}, again` : name;
    const known = this.#run.observed.get(key);
    const observation = known ?? {
      since: performance.now(),
      outcome: observe().catch((error: unknown) => this.#doubt(error)),
    };
    if (!known) this.#run.observed.set(key, observation);
    if (!steady) this.#since = Math.min(this.#since, observation.since);
    return observation.outcome as Promise<T>;
  };

  /**
   * Starts a further server for this check, or uses one that other checks with the same variables share.
   *
   * @throws NotExercised without a start command
   */
  readonly launch = async (
    overrides: Overrides = {},
    { shared = false }: { shared?: boolean } = {},
  ): Promise<Instance> => {
    const { instance, release } = await this.#run.instances.acquire(
      overrides,
      shared ? 'all' : undefined,
    );
    if (this.#ended) {
      await release();
      return never();
    }
    this.#aborts.add(() => void release());
    return instance;
  };

  /** Since when what this check judges was observed, in milliseconds of `performance.now()`. */
  get since(): number {
    return this.#since;
  }

  /** What a step of an observation finds wrong, for the checks that judge it; all else that it throws is thrown. */
  readonly finds = async (step: () => Promise<unknown>): Promise<Violation | undefined> => {
    try {
      await step().catch((error: unknown) => this.#doubt(error));
      return undefined;
    } catch (error) {
      if (error instanceof Violation) return error;
      throw error;
    }
  };

  // Only the check that observes has the connections that a late Pong may have ended; all others have its outcome.
  async #doubt(error: unknown): Promise<never> {
    if (!(error instanceof Violation)) throw error;
    const exhausted = this.exhausted();
    if (exhausted !== undefined) throw new NotExercised(exhausted);
    const loss = this.#run.doubts ? await this.lost() : undefined;
    throw loss ? new Inconclusive(loss.text) : error;
  }

  /** Whether the server flooded a connection of this check. */
  get flooded(): boolean {
    return [...this.#peers].some((peer) => peer.flooded);
  }

  /** How long a Ping may stay unanswered, in milliseconds, as announced; infinite where nothing is. */
  get patienceOfPings(): number {
    const { timeout_ms = Number.POSITIVE_INFINITY } = this.#run.welcome?.heartbeat ?? {};
    return Number.isFinite(timeout_ms) ? timeout_ms : Number.POSITIVE_INFINITY;
  }

  /** How long the server took at worst, in milliseconds, for what it answers at once. */
  get slowest(): number {
    return slowest([...this.#peers]);
  }

  /** How a timer ended one of this check's connections. Waits for what the server may have sent already, at most a second. */
  async lost(): Promise<Loss | undefined> {
    const open = [...this.#peers].filter(
      ({ closed, response }) => !closed && response.status === 101,
    );
    const heard = open.map((peer) => peer.echoesPing('anything else?').catch(() => {}));
    const second = this.pause(SETTLE_MS);
    await Promise.race([Promise.all(heard), second]);
    for (const peer of this.#peers) {
      const loss = lost(peer, this.patienceOfPings, !this.final);
      if (loss) return loss;
    }
    return undefined;
  }

  /** Which announced number this check itself went beyond, or by which its connections differ, in words. */
  exhausted(): string | undefined {
    if (!this.counting) return undefined;
    const [own, ...others] = this.#told();
    const announced = own ?? this.#run.welcome;
    if (!announced) return undefined;
    const more = this.#own || !this.#run.welcome ? others : [...others, this.#run.welcome];
    const different = more.map((each) => differing(announced, each)).find(Boolean);
    const took = performance.now() - this.#since;
    return different ?? exhaustion([...this.#peers], announced, this.counting, took);
  }

  /** What the connections of this check saw that breaks a rule, whatever the check is about. */
  signs(): Sign[] {
    if (!this.parlor) return [];
    const { rates = [] } = this.#told()[0] ?? this.#run.welcome ?? {};
    return signsOf({
      clients: [...this.#peers],
      rates: rates.filter(isRate),
      findings: this.findings.values(),
    });
  }

  // What the server of this check told its connections; a further one may be another server.
  #told(): Welcome[] {
    const urls = this.urls.map((each) => new URL(each).href);
    return [...this.#peers]
      .filter(({ welcomed, url }) => welcomed && urls.includes(url.href))
      .map(({ announced }) => announced);
  }

  /** Runs `use`, and then `undo`, whatever it comes to; at the end of the check where that was let go of meanwhile. */
  readonly during = async <T>(use: () => Promise<T>, undo: () => unknown): Promise<T> => {
    const once = async () => {
      if (this.#undos.delete(once)) await undo();
    };
    this.#undos.add(once);
    try {
      return await use();
    } finally {
      await once();
    }
  };

  /** Undoes what a check that was let go of will not undo itself. What fails at that has nobody left to tell. */
  async undone(): Promise<void> {
    await Promise.allSettled([...this.#undos].map((undo) => undo()));
  }

  /** Whether the check was let go of. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Lets go of everything. */
  readonly end = (): void => {
    this.#ended = true;
    for (const peer of this.#peers) peer.detach();
    this.#waits.end();
    for (const abort of this.#aborts) abort();
  };

  /** Labels of this check's names in a text become plain again: for comparing what several runs say. */
  readonly plainNames = (text: string): string => text.replaceAll(`-${this.#namespace}`, '');

  async #mintSoon(label: string, claims?: Changes, header?: Changes): Promise<string> {
    return this.secret(await this.minter.mintSoon(this.user(label), claims, header));
  }

  #nextInstance(): number {
    if (!this.spread) return 0;
    this.#connections += 1;
    return (this.#connections - 1) % this.urls.length;
  }

  #name(label: string): string {
    return label.endsWith(`-${this.#namespace}`) ? label : `${label}-${this.#namespace}`;
  }

  #optionalToken(label: string): string | undefined {
    return this.#run.target.minter ? this.mint(label) : undefined;
  }

  /** Whether the check does nothing but wait: for time to pass, or for half a second and longer. */
  get stalled(): boolean {
    return this.#waits.stalled;
  }

  // A broadcast reaches every connection of the run: only those of this check's own users are its business.
  #isAside({ type, from, data }: Message): boolean {
    if (type === 'chat')
      return typeof data.text === 'string' && data.text.startsWith(`fence ${this.#namespace} `);
    if (type !== 'broadcast' || typeof from !== 'string') return false;
    return ![...this.#peers].some((peer) => from === (peer.verified ?? peer.user));
  }

  // The canary speaks with one server, and went through its door long ago. Whether another one, or the door, is only
  // held up, a connection of nobody's tells.
  #unseen(): Promise<void> | undefined {
    const watched = new URL(this.#run.target.urls[0] ?? '').href;
    const unseen = new Set([...this.#peers].map(({ url }) => url.href));
    unseen.delete(watched);
    // Before anybody was welcomed, a door that stays shut is all there is to see.
    if (this.#run.welcome) for (const { href } of this.#entering) unseen.add(href);
    if (unseen.size === 0 || this.#mute) return undefined;
    this.#knocking ??= this.#knock([...unseen]).finally(() => {
      this.#knocking = undefined;
    });
    return this.#knocking;
  }

  #urlOf(at: number | Instance): URL {
    const address = typeof at === 'number' ? this.urls[at] : at.url;
    if (address === undefined)
      throw new NotExercised(
        `the target has ${this.urls.length} instances, this check needs ${Number(at) + 1}`,
      );
    return new URL(address);
  }

  async #knock(urls: readonly string[]): Promise<void> {
    const knocks = urls.map((url) => knock(new URL(url)));
    for (const { leave } of knocks) this.#aborts.add(leave);
    const answers = await Promise.all(knocks.map(({ answered }) => answered));
    for (const { leave } of knocks) this.#aborts.delete(leave);
    this.#mute = answers.includes(false);
    await this.#waits.pause(CROSSING_MS);
  }

  get #host(): Host {
    return {
      journal: this.journal,
      parlor: this.parlor,
      final: this.final,
      watch: (expire, extraMs) => this.#waits.watch(expire, extraMs),
      finding: (fault) => {
        if (!this.findings.has(fault.rule)) this.findings.set(fault.rule, fault);
      },
      room: this.room,
      nextId: () => {
        this.#ids += 1;
        return `r${this.#ids}`;
      },
      fence: () => {
        this.#fences += 1;
        return `fence ${this.#namespace} ${this.#fences}`;
      },
      isAside: (message) => this.#isAside(message),
      bug: (error) => this.bugs.push(error),
      sent: this.#sent,
      surplus: this.#run.surplus,
      outages: this.#run.outages,
    };
  }
}
