import { check } from '#conformance/harness/check.js';
import { shows } from './pictures.js';
import { say } from './resume.duplicates.js';

/** The checks of spec/resume.md that are about requests of one `id` and different content. */
export const contents = [
  check('resume-duplicate-other-content', async (t) => {
    const [ann, bob] = await t.join('lounge', 'ann', 'bob');
    await ann.joins('hall');
    await ann.request('chat', { text: 'one', meta: { n: 1 } }, { room: 'lounge', id: 'c9' });
    const others: [what: string, data: object, room: string][] = [
      ['another text', { text: 'two', meta: { n: 1 } }, 'lounge'],
      ['another meta', { text: 'one', meta: { n: 2 } }, 'lounge'],
      ['no meta', { text: 'one' }, 'lounge'],
      ['another room', { text: 'one', meta: { n: 1 } }, 'hall'],
      // To a loose language one is true, and the text of a number the number.
      ['true for 1', { text: 'one', meta: { n: true } }, 'lounge'],
      ['text for a number', { text: 'one', meta: { n: '1' } }, 'lounge'],
    ];
    for (const [what, data, room] of others) {
      t.note(what);
      await ann.refuses('duplicate_id', () => ann.request('chat', data, { room, id: 'c9' }));
    }
    await ann.request('chat', { text: '10', meta: { n: 0 } }, { room: 'lounge', id: 'c10' });
    const nothing = [false, null, '', [], {}].map((n) => ({ text: '10', meta: { n } }));
    for (const data of [{ text: '1e1', meta: { n: 0 } }, ...nothing, { text: '10', meta: {} }]) {
      t.note(JSON.stringify(data));
      await ann.refuses('duplicate_id', () =>
        ann.request('chat', data, { room: 'lounge', id: 'c10' }),
      );
    }
    await bob.fencedBy(ann, 'lounge');
    for (const text of ['one', '10']) await bob.receives('chat', { data: { text } });
    await bob.hearsNothing();
    t.equal(ann.received('chat', { room: 'hall' }).length, 0, 'the events in the other room');
  }),

  check(
    'resume-duplicate-other-content',
    async (t) => {
      const { features } = t.welcome;
      const [ann, bob] = await t.join('lounge', 'ann', 'bob');
      await say(ann, 'c9', 'one');
      if (features.includes('direct'))
        await ann.refuses('duplicate_id', () =>
          ann.request('direct', { to: bob.user, text: 'one' }, { id: 'c9' }),
        );
      if (features.includes('binary')) {
        await ann.refuses('duplicate_id', () => shows(t, ann, { id: 'c9', payload: 'one' }));
        await shows(t, ann, { id: 'c10', payload: 'one' });
        await ann.refuses('duplicate_id', () => shows(t, ann, { id: 'c10', payload: 'two' }));
        const file = { content_type: 'image/png', name: 'dot.png' };
        await shows(t, ann, { id: 'c11', data: file });
        for (const other of [{ name: 'dash.png' }, { content_type: 'image/gif' }]) {
          const data = { ...file, ...other };
          t.note(`another ${Object.keys(other)[0]}`);
          await ann.refuses('duplicate_id', () => shows(t, ann, { id: 'c11', data }));
        }
      }
      if (!features.includes('direct') && !features.includes('binary'))
        t.notExercised('no other type is announced that can be repeated');
      await bob.fencedBy(ann, 'lounge');
      t.equal(bob.received('direct').length, 0, 'the number of directs that were delivered');
    },
    { variant: 'another-type' },
  ),

  check(
    'resume-duplicate-other-content',
    async (t) => {
      t.needs('direct');
      const ann = await t.connect('ann');
      const bob = await t.connect('bob');
      const cat = await t.connect('cat');
      const tell = (to: string) => ann.request('direct', { to, text: 'one' }, { id: 'c9' });
      await tell(bob.user);
      await ann.refuses('duplicate_id', () => tell(cat.user));
      await bob.receives('direct');
      await cat.hearsNothing();
    },
    { variant: 'another-recipient' },
  ),

  check(
    'errors-invalid-payload',
    async (t) => {
      t.needs('resume');
      const [ann] = await t.join('lounge', 'ann');
      await say(ann, 'c9', 'one');
      const error = await say(ann, 'c9', '');
      t.assert(error.data.code !== 'duplicate_id', {
        expected: 'invalid_payload, which comes before duplicate_id in the order of errors',
        actual: 'duplicate_id',
        hint: 'Look an `id` up when the payload has been found valid, and not before.',
      });
      ann.isError(error, 'invalid_payload', { path: '/data/text' });
    },
    { variant: 'used-id' },
  ),
];
