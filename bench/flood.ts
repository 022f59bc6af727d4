/**
 * Sends requests over several connections until it is stopped, and prints the responses by status.
 * Used by `noisy-neighbor.ts`, in a separate process so that it does not slow the measuring
 * process.
 *   node bench/flood.ts <port> <host> <connections>, with the token in FLOOD_TOKEN
 */
import { Agent } from 'node:http';

import { sendRequest } from '../test/helpers/server.ts';

const [port = '', host = '', connections = ''] = process.argv.slice(2);
const token = process.env.FLOOD_TOKEN ?? '';

const counts = { served: 0, refused: 0 };
let flooding = true;
process.once('SIGTERM', () => {
  flooding = false;
});
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
const flood = Array.from({ length: Number(connections) }, async () => {
  while (flooding) {
    const { status } = await sendRequest(Number(port), host, 'GET', '/api/notes/1/', { token, agent });
    if (counts.served + counts.refused === 0) {
      console.log('flooding');
    }
    counts[status === 200 ? 'served' : 'refused'] += 1;
  }
});
await Promise.all(flood);
agent.destroy();
console.log(JSON.stringify(counts));
