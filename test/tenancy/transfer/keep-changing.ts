import { setTimeout as wait } from 'node:timers/promises';

import { type TestService, until } from '../../helpers/server.ts';

/** The service, PostgreSQL and the move need the CPU, too. */
const PAUSE_MS = 20;

/** Sends inserts, updates and deletes to the service until it is stopped. Records the acknowledged ones. */
export function keepChanging(service: TestService, { host, token }: { host: string; token: string }) {
  let done = false;
  let created = 0;
  const rows = new Map<number, string>();
  const refused: string[] = [];
  const request = async (method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object) => {
    const answer = await service.request(host, method, path, { token, ...(body ? { body } : {}) });
    if (answer.status >= 300) {
      refused.push(`${answer.status} ${answer.text}`);
    }
    return answer;
  };
  const write = async (who: number): Promise<void> => {
    for (let n = 0; !done; n += 1) {
      const { status, body } = await request('POST', '/api/notes/', { name: `written ${who} ${n}` });
      await wait(PAUSE_MS);
      if (status !== 201) {
        continue;
      }
      created += 1;
      rows.set(body.id, '');
      if (n % 3 === 0) {
        const changed = await request('PATCH', `/api/notes/${body.id}/`, { description: 'changed' });
        rows.set(body.id, changed.status === 200 ? 'changed' : '');
      } else if (n % 3 === 1) {
        const deleted = await request('DELETE', `/api/notes/${body.id}/`);
        if (deleted.status === 204) {
          rows.delete(body.id);
        }
      }
    }
  };
  const writing = Promise.all([1, 2].map(write));
  return {
    rows,
    refused,
    /** Resolves when further rows have been inserted. */
    written: async () => {
      const before = created;
      await until(
        async () => created,
        (count) => count >= before + 6,
      );
    },
    stop: () => {
      done = true;
      return writing;
    },
  };
}
