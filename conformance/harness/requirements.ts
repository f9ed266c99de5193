import { createRequire } from 'node:module';
import type table from '#spec/requirements.json';

/** The id of a rule in the spec, such as `rooms-no-leak-to-strangers`. */
export type RuleId = keyof typeof table;

/** A rule as the spec states it. */
export interface Requirement {
  level: 'must' | 'should' | 'may';
  /** The normative sentence. */
  text: string;
  chapter: string;
  profile: string;
}

/** Every rule of the spec by its id, in the order of the chapters. */
export const requirements: Readonly<Record<string, Requirement>> = createRequire(import.meta.url)(
  '#spec/requirements.json',
);

/** The requirement of an id. @throws Error for an id that the spec does not have */
export function requirement(rule: string): Requirement {
  const found = Object.hasOwn(requirements, rule) ? requirements[rule] : undefined;
  if (!found) throw new Error(`no rule is called '${rule}'`);
  return found;
}
