/** How many checks of a profile came to which verdict. */
export interface Counts {
  passed: number;
  failed: number;
  warnings: number;
  not_exercised: number;
}

/** What a run said of one server, by profile; `announced` are the features of its `welcome`. */
export interface Row {
  server: string;
  stack: string;
  right: boolean;
  announced: string[];
  profiles: Record<string, Counts>;
}

/** The part of a JSON report that the table is made of. */
export interface Report {
  target: { features?: string[] };
  checks: { profile: string; verdict: string }[];
}

/** Counts a report's verdicts by profile. */
export function countProfiles({ checks }: Report): Record<string, Counts> {
  const profiles = [...new Set(checks.map(({ profile }) => profile))].sort(byPlace);
  return Object.fromEntries(
    profiles.map((profile) => {
      const verdicts = checks.filter((each) => each.profile === profile);
      const count = (verdict: string) => verdicts.filter((each) => each.verdict === verdict).length;
      return [
        profile,
        {
          passed: count('pass'),
          failed: count('fail'),
          warnings: count('warning'),
          not_exercised: count('not_exercised'),
        },
      ];
    }),
  );
}

// Every server has the first two; the others are announced, or lie outside the wire.
const always = ['core', 'transport'];
const unannounced = ['logs', 'cluster'];

function byPlace(a: string, b: string): number {
  const place = (name: string) => (always.includes(name) ? always.indexOf(name) : always.length);
  return place(a) - place(b) || a.localeCompare(b);
}

/** One cell in words: what passed and failed, or why nothing did. */
export function words(profile: string, row: Row): string {
  const counts = row.profiles[profile];
  if (!counts) return 'not run';
  const { passed, failed, warnings } = counts;
  if (passed + failed + warnings === 0)
    return [...always, ...unannounced, ...row.announced].includes(profile)
      ? 'not exercised'
      : 'not announced';
  return [
    `${passed} passed`,
    ...(failed > 0 ? [`**${failed} failed**`] : []),
    ...(warnings > 0 ? [`${warnings} warned`] : []),
  ].join(', ');
}
