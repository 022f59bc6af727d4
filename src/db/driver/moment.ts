/**
 * A time with PostgreSQL's six fractional digits. `toJSON` returns it as Django REST Framework does: without a fraction
 * if all six are zero.
 */
export class Moment extends Date {
  /** Microseconds within the millisecond: 0 to 999. */
  readonly microseconds: number;

  constructor(milliseconds: number, microseconds: number) {
    super(milliseconds);
    this.microseconds = microseconds;
  }

  override toISOString(): string {
    return super.toISOString().replace('Z', `${String(this.microseconds).padStart(3, '0')}Z`);
  }

  override toJSON(): string {
    return Number.isNaN(this.getTime()) ? super.toJSON() : this.toISOString().replace('.000000Z', 'Z');
  }
}

/** Returns a time as PostgreSQL writes it. Returns other values, such as `infinity`, as they are. */
export function withMicroseconds(parsed: unknown, text: string): unknown {
  if (!(parsed instanceof Date) || Number.isNaN(parsed.getTime())) {
    return parsed;
  }
  const [, digits = ''] = /\.\d{3}(\d{1,3})/.exec(text) ?? [];
  return new Moment(parsed.getTime(), Number(digits.padEnd(3, '0')));
}
