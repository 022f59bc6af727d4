import { Socket } from 'node:net';

/** Counts its writes to the network. */
export class CountingSocket extends Socket {
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
