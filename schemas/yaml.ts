// Words that YAML readers take for something else than a string.
const RESERVED = /^(y|n|yes|no|on|off|true|false|null)$/i;

/** A JSON value as YAML in block style; strings are in double quotes, as in JSON. */
export function yaml(value: unknown): string {
  return `${block(value, '')}\n`;
}

function block(value: unknown, indent: string): string {
  if (Array.isArray(value) && value.length > 0)
    return value.map((item) => `${indent}- ${inItem(item, indent)}`).join('\n');
  if (isObject(value) && Object.keys(value).length > 0)
    return Object.entries(value)
      .map(([name, member]) => `${indent}${key(name)}:${after(member, indent)}`)
      .join('\n');
  return `${indent}${JSON.stringify(value)}`;
}

// An item of a list begins on the line of its dash.
function inItem(item: unknown, indent: string): string {
  return block(item, `${indent}  `).slice(indent.length + 2);
}

function after(member: unknown, indent: string): string {
  const nested = Array.isArray(member) ? member.length > 0 : isObject(member) && hasMembers(member);
  return nested ? `\n${block(member, `${indent}  `)}` : ` ${JSON.stringify(member)}`;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const hasMembers = (value: object) => Object.keys(value).length > 0;

function key(name: string): string {
  return /^[A-Za-z_$][\w.$-]*$/.test(name) && !RESERVED.test(name) ? name : JSON.stringify(name);
}
