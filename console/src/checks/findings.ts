/** A finding of a check. */
export type Finding = Readonly<{
  check: string;
  severity: string;
  object: string | null;
  message: string;
  fix: string | null;
}>;

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** Returns the findings of a result. Null if it has no list of them. */
export function findingsOf(result: Readonly<Record<string, unknown>> | null): readonly Finding[] | null {
  const { findings } = result ?? {};
  if (!Array.isArray(findings)) {
    return null;
  }
  return (findings as ReadonlyArray<Readonly<Record<string, unknown>>>).map((finding) => ({
    check: textOf(finding.check) ?? 'check',
    severity: textOf(finding.severity) ?? 'error',
    object: textOf(finding.object) ?? textOf(finding.schema),
    message: textOf(finding.message) ?? '',
    fix: textOf(finding.fix),
  }));
}
