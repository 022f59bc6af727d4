import cluster, { type Worker } from 'node:cluster';

import { type RequestCounter, type RequestCounts, summarize } from './recent-requests.ts';

const KIND = 'koa-tenants:recent-requests';
/** Milliseconds between two messages of a worker to the primary process. */
const INTERVAL_MS = 5_000;

type Message = Readonly<{ kind: typeof KIND; counts: readonly RequestCounts[] }>;

const isMessage = (message: unknown): message is Message =>
  (message as Partial<Message> | null)?.kind === KIND;

/**
 * Returns the counts of all processes of a cluster. Those of the others are at most five seconds old: the processes
 * exchange them through the primary process.
 */
export function shareRequests(
  counter: Pick<RequestCounter, 'counts'>,
  worker: Pick<Worker, 'send' | 'on' | 'isConnected'> | undefined = cluster.worker,
): Readonly<{ summary: () => ReturnType<typeof summarize>; close: () => Promise<void> }> {
  let others: readonly RequestCounts[] = [];
  const summary = () => summarize([counter.counts(), ...others], Date.now());
  if (!worker) {
    return { summary, close: async () => {} };
  }
  worker.on('message', (message: unknown) => {
    if (isMessage(message)) {
      others = message.counts;
    }
  });
  const send = (): void => {
    if (worker.isConnected()) {
      // The callback ignores the error of a primary process that has just ended.
      worker.send({ kind: KIND, counts: [counter.counts()] } satisfies Message, () => {});
    }
  };
  send();
  const timer = setInterval(send, INTERVAL_MS);
  timer.unref();
  return { summary, close: async () => clearInterval(timer) };
}

/** Creates the part of the primary process. The returned function is called with each worker. */
export function exchangeRequests(): (worker: Pick<Worker, 'send' | 'on' | 'once'>) => void {
  const counts = new Map<object, RequestCounts>();
  return (worker) => {
    worker.on('message', (message: unknown) => {
      const own = isMessage(message) ? message.counts[0] : undefined;
      if (own) {
        counts.set(worker, own);
        const others = [...counts].flatMap(([each, of]) => (each === worker ? [] : [of]));
        worker.send({ kind: KIND, counts: others } satisfies Message, () => {});
      }
    });
    worker.once('exit', () => counts.delete(worker));
  };
}
