/**
 * A time with PostgreSQL's six fractional digits. `toJSON` returns it as Django REST Framework does: without a fraction
 * if all six are zero.
 */
export class Moment extends Date {
  /** Microseconds within the millisecond: 0 to 999. */
  readonly microseconds: number;
  /** What `toISOString` returns for the time `#known`. A setter of Date changes the time. */
  #text: string | null = null;
  #known = Number.NaN;

  constructor(milliseconds: number, microseconds: number) {
    super(milliseconds);
    this.microseconds = microseconds;
  }

  /** Creates a time whose ISO text is known. */
  static fromIso(text: string): Moment {
    // V8 parses ISO texts natively and ignores the digits after the third.
    const moment = new Moment(Date.parse(text), Number(text.slice(-4, -1)));
    moment.#text = text;
    moment.#known = moment.getTime();
    return moment;
  }

  override toISOString(): string {
    if (this.#text === null || this.#known !== this.getTime()) {
      this.#text = `${super.toISOString().slice(0, -1)}${String(this.microseconds).padStart(3, '0')}Z`;
      this.#known = this.getTime();
    }
    return this.#text;
  }

  override toJSON(): string {
    if (Number.isNaN(this.getTime())) {
      return super.toJSON();
    }
    const text = this.toISOString();
    return text.endsWith('.000000Z') ? `${text.slice(0, -8)}Z` : text;
  }
}

/** A time of the years 1000 to 9999, as PostgreSQL writes it for a session in UTC. */
const IN_UTC = /^[1-9]\d{3}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00$/;

/**
 * Returns a time as PostgreSQL writes it. `parse` parses texts that are not in UTC. Returns values that are no time, such
 * as `infinity`, as `parse` does.
 */
export function parseMoment(text: string, parse: (text: string) => unknown): unknown {
  if (IN_UTC.test(text)) {
    const fraction = text.slice(20, -3).padEnd(6, '0');
    return Moment.fromIso(`${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction}Z`);
  }
  const parsed = parse(text);
  if (!(parsed instanceof Date) || Number.isNaN(parsed.getTime())) {
    return parsed;
  }
  const [, digits = ''] = /\.\d{3}(\d{1,3})/.exec(text) ?? [];
  return new Moment(parsed.getTime(), Number(digits.padEnd(3, '0')));
}
