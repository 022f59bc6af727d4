/** A finding of a check. */
export type Finding = Readonly<{
  check: string;
  severity: string;
  object: string;
  fault: string;
  /** The command that fixes it. */
  remedy: string;
}>;

/** Returns the findings of a result. Null if it has no list of them. */
export function findingsOf(result: Readonly<Record<string, unknown>> | null): readonly Finding[] | null {
  const { findings } = result ?? {};
  return Array.isArray(findings) ? (findings as readonly Finding[]) : null;
}

/** An attack of the isolation report. */
export type Verdict = Readonly<{
  id: string;
  name: string;
  walls: readonly (string | number)[];
  leaked: boolean;
}>;

/** Returns the attacks of a result. Null if it has no list of them. */
export function verdictsOf(result: Readonly<Record<string, unknown>> | null): readonly Verdict[] | null {
  const { verdicts } = result ?? {};
  return Array.isArray(verdicts) ? (verdicts as readonly Verdict[]) : null;
}
