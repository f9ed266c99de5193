import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REDIS, type RedisServer, startRedis } from '#server/fixtures/redis-server.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const python = `${root}/examples/cluster/.venv/bin/python`;

interface Line {
  ready?: number;
  seq?: number;
  text?: string;
  gap?: [number, number];
}

/** A process of the example, and what it printed. */
class Member {
  readonly heard: Line[] = [];
  readonly #child: ChildProcess;
  #woken: () => void = () => undefined;

  constructor(command: string, file: string, url: string) {
    this.#child = spawn(command, [`${root}/examples/cluster/${file}`], {
      env: { ...process.env, REDIS_URL: url },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const { stdout } = this.#child;
    if (!stdout) throw new Error('the process has no output');
    createInterface({ input: stdout }).on('line', (line) => {
      this.heard.push(JSON.parse(line) as Line);
      this.#woken();
    });
  }

  say(...texts: readonly string[]): void {
    for (const text of texts) this.#child.stdin?.write(`${text}\n`);
  }

  /** Waits until what was heard is enough. */
  async until(enough: (heard: readonly Line[]) => boolean): Promise<void> {
    while (!enough(this.heard))
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
      });
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

describe.skipIf(!(existsSync(python) && REDIS))(
  'the room of the guide, in two languages over one Redis',
  () => {
    let redis: RedisServer;
    let link: Redis;
    let members: Member[];

    beforeAll(async () => {
      redis = await startRedis();
      link = new Redis(redis.url);
      members = [
        new Member(python, 'member.py', redis.url),
        new Member(process.execPath, 'member.js', redis.url),
      ];
      await Promise.all(members.map((each) => each.until((heard) => heard.length > 0)));
    });
    afterAll(async () => {
      for (const each of members) each.stop();
      link.disconnect();
      await redis.stop();
    });

    const seqs = ({ heard }: Member) => heard.flatMap(({ seq }) => seq ?? []);
    const upTo = (seq: number) =>
      Promise.all(members.map((each) => each.until(() => seqs(each).at(-1) === seq)));
    const counted = (to: number) => Array.from({ length: to }, (_, i) => i + 1);

    it('has one order, and gives nothing twice', async () => {
      for (const [index, member] of members.entries())
        member.say(...counted(50).map((n) => `${index}-${n}`));
      await upTo(100);
      const [first, second] = members.map(({ heard }) => heard.slice(1));
      expect(first).toEqual(second);
      expect(first?.map(({ seq }) => seq)).toEqual(counted(100));
      const own = first?.flatMap(({ text }) => (text?.startsWith('0-') ? [text] : []));
      expect(own).toEqual(counted(50).map((n) => `0-${n}`));
    });

    /** Says something while nobody's line is there, and then something that all hear. */
    async function missed(count: number): Promise<void> {
      const before = Number(await link.get('seq:hall'));
      const said = link.multi().call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      for (const n of counted(count)) {
        const seq = before + n;
        said.incr('seq:hall').xadd('log:hall', `${seq}-1`, 'text', `missed ${n}`);
      }
      await said.exec();
      await subscribed();
      members[0]?.say('all are back');
      await upTo(before + count + 1);
    }

    async function subscribed(): Promise<void> {
      for (;;) {
        const [, count] = (await link.pubsub('NUMSUB', 'room:hall')) as [string, number];
        if (count === members.length) return;
        // Redis tells nobody of a subscription: it has to be asked again.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }

    it('gives what was missed while the line was cut', async () => {
      await missed(3);
      for (const { heard } of members)
        expect(heard.slice(-4).map(({ text }) => text)).toEqual([
          'missed 1',
          'missed 2',
          'missed 3',
          'all are back',
        ]);
    });

    it('says what the log no longer has', async () => {
      const before = Number(await link.get('seq:hall'));
      await link.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await link.set('seq:hall', before + 7);
      await subscribed();
      members[1]?.say('after a hole');
      await upTo(before + 8);
      for (const { heard } of members)
        expect(heard.slice(-2)).toEqual([
          { gap: [before + 1, before + 7] },
          { seq: before + 8, text: 'after a hole' },
        ]);
    });
  },
);
