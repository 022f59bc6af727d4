import type { startMain } from '../cli/run.ts';

export type Heap = Readonly<{
  /** Returns the megabytes in use after a full collection, including buffers. */
  used: () => Promise<number>;
  close: () => void;
}>;

type Usage = { usedSize: number; backingStorageSize: number };

/** Connects to the inspector of a process that was started with `--inspect=127.0.0.1:0`. */
export async function openHeap({
  errors,
}: Pick<Awaited<ReturnType<typeof startMain>>, 'errors'>): Promise<Heap> {
  const [url] = /ws:\S+/.exec(errors.join('')) ?? [];
  if (!url) {
    throw new Error(`No inspector: ${errors.join('')}`);
  }
  const socket = new WebSocket(url);
  const pending = new Map<number, (result: unknown) => void>();
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data));
    pending.get(id)?.(result);
    pending.delete(id);
  });
  await new Promise((opened, failed) => {
    socket.addEventListener('open', opened);
    socket.addEventListener('error', failed);
  });
  let lastId = 0;
  const call = (method: string): Promise<unknown> =>
    new Promise((resolve) => {
      lastId += 1;
      pending.set(lastId, resolve);
      socket.send(JSON.stringify({ id: lastId, method }));
    });
  return {
    used: async () => {
      await call('HeapProfiler.collectGarbage');
      const { usedSize, backingStorageSize } = (await call('Runtime.getHeapUsage')) as Usage;
      return (usedSize + backingStorageSize) / 2 ** 20;
    },
    close: () => socket.close(),
  };
}
