import type { Server } from 'node:http';

import type { OpenResponse } from './track-requests.ts';

/** Maximum milliseconds between two checks. */
const CHECK_INTERVAL_MS = 500;

/**
 * Closes a connection if its client has not received a finished response completely within `timeoutMs` milliseconds, at
 * the latest two checks after them. Node limits the time in which a request must arrive, but not the time to send a
 * response.
 *
 * One timer checks all open responses, which is cheaper than a timer or a listener for each.
 */
export function closeSlowResponses(
  server: Server,
  { open, timeoutMs }: Readonly<{ open: readonly OpenResponse[]; timeoutMs: number }>,
): void {
  const closeSlow = (): void => {
    const now = performance.now();
    for (const opened of open) {
      const { response, deadline } = opened;
      // A response has no socket while a pipelined one before it is sent.
      if (deadline === null && response.writableEnded && response.socket) {
        opened.deadline = now + timeoutMs;
      } else if (deadline !== null && deadline <= now) {
        response.socket?.destroy();
      }
    }
  };
  const checks = setInterval(closeSlow, Math.min(CHECK_INTERVAL_MS, timeoutMs / 2)).unref();
  server.once('close', () => clearInterval(checks));
}
