import { once } from 'node:events';
import { chown, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';

import type { DataDirectory } from './data-directory-for-root.ts';
import { readText } from './files.ts';
import { preconditionFailed } from './precondition-failed.ts';

/** Returns `port` if it is free, or any free port for 0. Returns undefined when there is none. */
async function freePort(port: number): Promise<number | undefined> {
  const probe = createServer();
  try {
    await once(probe.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return undefined;
  }
  const found = (probe.address() as AddressInfo).port;
  await once(probe.close(), 'close');
  return found;
}

/**
 * Returns the port of the previous start, or another one when it is taken.
 *
 * @throws OperatorError `precondition_failed` when none is free
 */
export async function choosePort({ home, account }: DataDirectory): Promise<number> {
  const file = join(home, 'port');
  const saved = Number(await readText(file));
  const port = (saved > 0 && saved < 65_536 && (await freePort(saved))) || (await freePort(0));
  if (!port) {
    throw preconditionFailed('No port of 127.0.0.1 is free for PostgreSQL.');
  }
  if (port !== saved) {
    await writeFile(file, `${port}\n`);
    if (account) {
      await chown(file, account.uid, account.gid);
    }
  }
  return port;
}
