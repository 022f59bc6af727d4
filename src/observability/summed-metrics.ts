import { Counter, type Metric, type Registry } from 'prom-client';

type Labels = Readonly<{ name: string; help: string; labelNames: readonly string[] }>;

/**
 * A counter that sums its increments until the metrics are collected: prom-client sorts and joins the
 * labels of each increment.
 */
export class SummedCounter {
  readonly #sums = new Map<string, { values: readonly string[]; sum: number }>();
  readonly #counter: Counter;

  constructor(registry: Registry, { name, help, labelNames }: Labels) {
    const sums = this.#sums;
    this.#counter = new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        for (const { values, sum } of sums.values()) {
          this.labels(...values).inc(sum);
        }
        sums.clear();
      },
    });
  }

  /** Increments the counter with these values of its labels. */
  add(amount: number, ...values: readonly string[]): void {
    const key = values.join('\n');
    const known = this.#sums.get(key);
    if (known) {
      known.sum += amount;
    } else {
      this.#sums.set(key, { values, sum: amount });
    }
  }

  remove(...values: readonly string[]): void {
    this.#sums.delete(values.join('\n'));
    this.#counter.remove(...values);
  }
}

type Sample = Readonly<{
  metricName: string;
  labels: Readonly<Record<string, string | number>>;
  value: number;
}>;

type Observations = { readonly values: readonly string[]; readonly counts: number[]; sum: number };

/**
 * A histogram whose observations are counted without prom-client, which checks and sorts the labels of each
 * observation. It is formatted when the metrics are collected.
 */
export class SummedHistogram {
  readonly #bounds: readonly number[];
  readonly #observations = new Map<string, Observations>();

  /** `bounds` are the upper bounds of the buckets, in ascending order. */
  constructor(registry: Registry, { bounds, ...labels }: Labels & Readonly<{ bounds: readonly number[] }>) {
    this.#bounds = bounds;
    const { name, help } = labels;
    const get = async () => ({
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: [...this.#observations.values()].flatMap((each) => this.#valuesOf(each, labels)),
    });
    // The registry reads no other members.
    registry.registerMetric({ name, get } as unknown as Metric);
  }

  /** Counts a value with these values of the labels. */
  observe(value: number, ...values: readonly string[]): void {
    const key = values.join('\n');
    let known = this.#observations.get(key);
    if (!known) {
      known = { values, counts: Array.from({ length: this.#bounds.length + 1 }, () => 0), sum: 0 };
      this.#observations.set(key, known);
    }
    const index = this.#bounds.findIndex((bound) => value <= bound);
    const bucket = index === -1 ? this.#bounds.length : index;
    known.counts[bucket] = (known.counts[bucket] ?? 0) + 1;
    known.sum += value;
  }

  /** Returns the cumulative counts of the buckets, the sum and the count. */
  #valuesOf({ values, counts, sum }: Observations, { name, labelNames }: Labels): readonly Sample[] {
    const labels = Object.fromEntries(labelNames.map((label, index) => [label, values[index] ?? '']));
    let count = 0;
    const buckets = counts.map((inBucket, index) => {
      count += inBucket;
      const le = this.#bounds[index] ?? '+Inf';
      return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
}
