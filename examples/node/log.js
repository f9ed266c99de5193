// #region log
/** Writes one event as one line: JSON escapes line feeds, so nobody can forge one. Never a text, never a token. */
export function log(event, { id, user }, more = {}) {
  const line = JSON.stringify({ event, timestamp: new Date(), connection_id: id, user, ...more });
  process.stdout.write(`${line.replace(/[\u2028\u2029\u007f-\u009f]/g, escaped)}\n`);
}

const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
// #endregion log
