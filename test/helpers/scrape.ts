import { sendRequest } from './server.ts';

export type Sample = Readonly<{ name: string; labels: Readonly<Record<string, string>>; value: number }>;
export type Scrape = Readonly<{
  samples: readonly Sample[];
  /** Returns the sum of all samples with a name and labels, or NaN when there is none. */
  total: (name: string, labels?: Readonly<Record<string, string>>) => number;
}>;

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

function parseSample(line: string): Sample {
  const [, name, labels = '', value] = LINE.exec(line) ?? [];
  if (!name) {
    throw new Error(`This is no sample: ${line}`);
  }
  const read = (text = ''): number => (text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text));
  return {
    name,
    labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, label = '', text = '']) => [label, text])),
    value: read(value),
  };
}

/** Reads `/metrics` as Prometheus does, and rejects invalid lines. */
export async function scrape(port: number | null): Promise<Scrape> {
  const { status, text, headers } = await sendRequest(port ?? 0, '127.0.0.1', 'GET', '/metrics');
  if (status !== 200 || !headers['content-type']?.startsWith('text/plain')) {
    throw new Error(`The metrics endpoint returned ${status}: ${text}`);
  }
  const samples = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseSample);
  return {
    samples,
    total: (name, labels = {}) => {
      const found = samples.filter(
        (sample) =>
          sample.name === name &&
          Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      );
      return found.length === 0 ? Number.NaN : found.reduce((sum, { value }) => sum + value, 0);
    },
  };
}
