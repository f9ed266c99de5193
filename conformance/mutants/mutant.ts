import type { Overrides } from '#conformance/harness/contract.js';
import type { RuleId } from '#conformance/harness/requirements.js';
import type { Broker } from '#server/broker/broker.js';
import type { Parts, PartsOverrides } from '#server/parts.js';
import type { ClusterFault } from './hub.js';

/** The reference server with one thing wrong, and the rule that it breaks by that. */
export interface Mutant {
  /** What the fault is called: words joined by `-`, unique. */
  name: string;
  /** The rule that it breaks: a check of this rule has to fail. */
  rule: RuleId;
  /** What is wrong, in one sentence. */
  fault: string;
  /** Contract variables that the fault needs, on top of the defaults. */
  env?: Overrides;
  /** The decisions that are taken wrongly, made from the right ones. */
  parts: (right: Parts) => PartsOverrides;
  /** Methods of the broker that do something else, made from the right ones. */
  broker?: (right: Broker) => Partial<Broker>;
  /** What each of two instances does otherwise than right; present where the rule is one for clusters. */
  cluster?: ClusterFault;
}

/** What a mutant may need beside wrong decisions. */
export interface MutantOptions {
  env?: Overrides;
  broker?: Mutant['broker'];
  cluster?: ClusterFault;
}

/** Makes a mutant of a rule. */
export function mutant(
  rule: RuleId,
  name: string,
  fault: string,
  parts: Mutant['parts'],
  { env, broker, cluster }: MutantOptions = {},
): Mutant {
  return {
    rule,
    name,
    fault,
    parts,
    ...(env ? { env } : {}),
    ...(broker ? { broker } : {}),
    ...(cluster ? { cluster } : {}),
  };
}

/** The broker with some of its methods replaced. */
export function withBroker(right: Broker, overrides: Partial<Broker>): Broker {
  return new Proxy(right, {
    get(target, name) {
      const value: unknown = Reflect.get(name in overrides ? overrides : target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
