import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

import { attackHttp, found, type HttpAttack } from '../helpers/http-attacks.ts';
import { PASSWORD } from '../helpers/server.ts';

const GLOBEX = 'globex.localhost';

/** Reads a response to its end. Returns whether it is complete. */
async function readAll(response: IncomingMessage): Promise<boolean> {
  response.resume();
  await Promise.race([once(response, 'end'), once(response, 'error'), once(response, 'close')]).catch(
    () => {},
  );
  return response.complete;
}

/** Attacks on routes of the engine that last longer than one statement. */
export const httpAttacks: readonly HttpAttack[] = [
  attackHttp({
    id: 'export-suspended',
    name: 'an export ends when its tenant is suspended',
    rule: {
      file: 'src/http/enter-tenant.ts',
      from: 'assertServed({ ...tenant, status }, { whileUnpaid });',
      to: 'assertServed({ ...tenant, status: "active" }, { whileUnpaid });',
    },
    action: async ({ world, service }) => {
      const token = await service.logIn(GLOBEX, 'hank', PASSWORD);
      const outgoing = httpRequest({
        host: '127.0.0.1',
        port: service.port,
        path: '/api/notes/export/',
        agent: false,
        headers: { Host: GLOBEX, Authorization: `Bearer ${token}` },
      });
      outgoing.on('error', () => {});
      outgoing.end();
      const set = (status: string) =>
        world.asOwner('update public.tenants set status = $2 where id = $1', [world.globex.id, status]);
      try {
        const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
        response.on('error', () => {});
        await once(response, 'readable');
        await set('suspended');
        // The check is repeated every two seconds.
        await wait(2_100);
        return found(await readAll(response), 'all rows');
      } finally {
        outgoing.destroy();
        await set('active');
      }
    },
  }),
];
