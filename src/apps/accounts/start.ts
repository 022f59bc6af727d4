import { availableParallelism } from 'node:os';

import type { StartDependencies } from '../../definition/dependencies.ts';
import type { OwnerService } from '../../definition/owners.ts';
import { openMail } from './mail/open-mail.ts';
import { createMemberService } from './members/members-of-tenants.ts';
import { createPrepareOwner } from './owners.ts';
import { lowerThreadPriority } from './passwords/lower-thread-priority.ts';
import { createPasswords, hashCostOf, type Passwords } from './passwords/password.ts';
import type { environment, settings } from './settings.ts';

/** The background work of accounts: threads that hash, and the worker that sends mail. */
export type AccountService = OwnerService &
  Readonly<{
    passwords: Passwords;
    /** Call it when mail may have been added to an outbox. */
    wakeMail: () => void;
    close: () => Promise<void>;
  }>;

export async function start(
  dependencies: StartDependencies<typeof settings, typeof environment>,
): Promise<AccountService> {
  const {
    PASSWORD_HASHERS: hashers,
    PASSWORD_QUEUE: queueLength,
    PASSWORD_MAX_MEMORY: maxMemory,
  } = dependencies.environment;
  const cost = hashCostOf(dependencies.environment);
  const mail = await openMail(dependencies);
  const lowered = await lowerThreadPriority();
  // Threads of lower priority leave the cores to requests. One of libuv's four remains for files and host names.
  const cores = availableParallelism() - (lowered > 0 ? 0 : 1);
  const passwords = createPasswords({
    threads: hashers ?? Math.max(1, Math.min(3, cores)),
    queueLength,
    cost,
    maxMemory,
  });
  return {
    passwords,
    prepareOwner: createPrepareOwner(passwords),
    mailer: mail.mailer,
    members: createMemberService({
      tenantDatabase: dependencies.tenantDatabase,
      wakeMail: mail.wake,
    }),
    wakeMail: mail.wake,
    close: mail.close,
  };
}
