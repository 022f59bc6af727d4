import { Socket } from 'node:net';
import type { World } from '../helpers/world.ts';

/** Counts its writes to the network. */
class CountingSocket extends Socket {
  writes = 0;
  override _write(chunk: never, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.writes += 1;
    super._write(chunk, encoding, callback);
  }
  override _writev(chunks: never, callback: (error?: Error | null) => void): void {
    this.writes += 1;
    super._writev?.(chunks, callback);
  }
}

/** Opens a pool of one connection, with the sockets that it opened. */
export async function openCountedPool(world: Pick<World, 'openPool' | 'serviceUrl'>) {
  const sockets: CountingSocket[] = [];
  const pool = await world.openPool({
    maxPoolSize: 1,
    connection: {
      connectionString: world.serviceUrl,
      stream: () => {
        const socket = new CountingSocket();
        sockets.push(socket);
        return socket;
      },
    },
  });
  return { pool, sockets };
}
