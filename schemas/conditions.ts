/** A condition on an object: where its members fit, `consequence` holds too. */
export function given(members: Record<string, unknown>, consequence: object): object {
  return {
    if: { type: 'object', properties: members, required: Object.keys(members) },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { type: 'object', ...consequence },
  };
}

/** A condition on an object: where its members fit, it has further ones. */
export function demands(members: Record<string, unknown>, ...further: string[]): object {
  return given(members, {
    properties: Object.fromEntries(further.map((name) => [name, true])),
    required: further,
  });
}
