/**
 * Attacks a service until it is stopped, and prints the responses by status. Used by
 * `neighbor-under-attack.ts`, in a separate process so that it does not slow the measuring
 * process.
 *   node bench/attacker.ts <attack> <port> <host>, with the token in ATTACK_TOKEN
 */
import { randomBytes } from 'node:crypto';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

import { PASSWORD, sendRequest } from '../test/helpers/server.ts';

const [attack = '', port = '', host = ''] = process.argv.slice(2);
const token = process.env.ATTACK_TOKEN ?? '';

/** Connections without a complete request that the attacker tries to keep. */
const SOCKETS = 1_200;
const ADDRESSES = 40;

let isAttacking = true;
process.once('SIGTERM', () => {
  isAttacking = false;
});
const counts: Record<string, number> = {};
const count = (what: string | number): void => {
  counts[what] = (counts[what] ?? 0) + 1;
};

/** Sends requests over `connections` connections, the next one when the last one has a response. */
async function repeat(connections: number, send: (agent: Agent, at: number) => Promise<{ status: number }>) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  await Promise.all(
    Array.from({ length: connections }, async (_, connection) => {
      for (let at = connection; isAttacking; at += 1) {
        // An answer may come after the attacker's own timeout.
        const { status } = await send(agent, at).catch(() => ({ status: 'no response' }));
        count(status);
      }
    }),
  );
  agent.destroy();
}

const logIn = (agent: Agent, username: string) =>
  sendRequest(Number(port), host, 'POST', '/api/auth/jwt/create/', {
    agent,
    body: { username, password: PASSWORD },
  });

const list = (agent: Agent, query: string) =>
  sendRequest(Number(port), host, 'GET', `/api/notes/?${query}`, { agent, token });

/** Opens a connection that sends half a request. Replaces it a quarter of a second after it is closed. */
async function holdHalfRequest(at: number): Promise<void> {
  while (isAttacking) {
    const socket = connect({
      port: Number(port),
      host: '127.0.0.1',
      localAddress: `127.0.1.${1 + (at % ADDRESSES)}`,
    });
    count('connections');
    socket.on('error', () => {});
    socket.write(at % 2 === 0 ? '' : `GET /api/notes/ HTTP/1.1\r\nHost: ${host}\r\nX-Filler: `);
    while (isAttacking && !socket.destroyed) {
      await wait(250);
    }
    socket.destroy();
  }
}

const ATTACKS: Readonly<Record<string, () => Promise<unknown>>> = {
  'large texts before login': () => {
    const marks = (count: number) =>
      JSON.stringify({ username: '\u0301'.repeat(count) + '\u0316'.repeat(count), password: PASSWORD });
    const bodies = [
      // 200 kB; then the largest texts and nesting that are accepted before a login.
      marks(50_000),
      marks(15_000),
      '['.repeat(2 ** 20),
      '['.repeat(60_000),
    ];
    return repeat(8, (agent, at) =>
      sendRequest(Number(port), host, 'POST', '/api/auth/jwt/create/', { agent, raw: bodies[at % 4] ?? '' }),
    );
  },
  'searches in a text of 1 MiB': () => {
    const searches = [
      // As many terms as fit into a request, and the most expensive ones that are accepted.
      'a+'.repeat(2_500),
      Array.from({ length: 20 }, () => `${'a'.repeat(23)}b`).join('+'),
    ];
    return repeat(4, (agent, at) => list(agent, `search=${searches[at % 2]}`));
  },
  'pages of 100 rows of 1 MiB': () => repeat(8, (agent) => list(agent, 'page_size=100')),
  'connections without a request': () =>
    Promise.all(Array.from({ length: SOCKETS }, (_, at) => holdHalfRequest(at))),
  'logins with expensive hashes': () =>
    repeat(100, (agent, at) => logIn(agent, at % 2 === 0 ? 'costly' : 'endless')),
  'random hostnames': () =>
    repeat(200, (agent) =>
      sendRequest(Number(port), `${randomBytes(8).toString('hex')}.localhost`, 'GET', '/api/notes/', {
        agent,
      }),
    ),
};

console.log('attacking');
await ATTACKS[attack]?.();
console.log(JSON.stringify(counts));
