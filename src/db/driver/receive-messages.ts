import type { Socket } from 'node:net';

import { HEADER_BYTES, MessageReader, type OnMessage } from './message-reader.ts';

/**
 * Reads the messages of a connected client in place of pg, which creates objects and calls listeners for each. Only the
 * messages that belong to no batch are passed on to pg.
 *
 * Call it when the client is connected: TLS replaces the first stream.
 */
export function receiveMessages(
  stream: Socket,
  {
    onChunk,
    handle,
    onInvalid,
  }: Readonly<{
    /** Called before the messages of a chunk are read. */
    onChunk: () => void;
    /** Returns whether a message belongs to a batch. */
    handle: (...message: Parameters<OnMessage>) => boolean;
    /** Called for bytes that are no messages. Messages after them cannot be assigned to a batch. */
    onInvalid: (error: Error) => void;
  }>,
): void {
  const listeners = stream.listeners('data');
  const reader = new MessageReader((code, bytes, start, end) => {
    if (!handle(code, bytes, start, end)) {
      const message = bytes.subarray(start - HEADER_BYTES, end);
      for (const listener of listeners) {
        listener.call(stream, message);
      }
    }
  });
  stream.removeAllListeners('data');
  stream.on('data', (chunk: Buffer) => {
    onChunk();
    try {
      reader.push(chunk);
    } catch (error) {
      // An error that is thrown here would end the process.
      onInvalid(error as Error);
    }
  });
}
