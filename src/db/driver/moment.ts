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
    return `${super.toISOString().slice(0, -1)}${String(this.microseconds).padStart(3, '0')}Z`;
  }

  override toJSON(): string {
    if (Number.isNaN(this.getTime())) {
      return super.toJSON();
    }
    const text = this.toISOString();
    return text.endsWith('.000000Z') ? `${text.slice(0, -8)}Z` : text;
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
