/**
 * Replaces ava's lib/reporters/tap.js, which crashes when a test times out or calls `process.exit()`: it passes an error
 * of its own to a method that expects one that a worker has serialized.
 */
type Serialized = Readonly<{ type: string; name: string; stack: string | undefined; originalError: Error }>;
type Event = Readonly<{ err?: Error | Serialized | null }>;

declare class Reporter {
  constructor(options: object);
  consumeStateChange(event: object): void;
  writeTest(event: Event, flags: object): void;
}

const ORIGINAL = '../../../node_modules/ava/lib/reporters/tap.js';
const { default: TapReporter } = (await import(ORIGINAL)) as { default: typeof Reporter };

const serialize = (error: Error): Serialized => ({
  type: 'native',
  name: error.name,
  stack: error.stack,
  originalError: error,
});

export default class extends TapReporter {
  override writeTest(event: Event, flags: object): void {
    super.writeTest(event.err instanceof Error ? { ...event, err: serialize(event.err) } : event, flags);
  }
}
