import { sql } from 'slonik';
import { z } from 'zod';
import type { Mail } from '../../../definition/owners.ts';
import {
  type TenantDatabase,
  type TenantTransaction,
  withTenant,
} from '../../../tenancy/context/with-tenant.ts';
import { type AppSecrets, tenantKeys } from '../../../tenancy/registry/signing-key.ts';
import type { TenantId } from '../../../tenancy/registry/tenant.ts';
import type { AccountSettings } from '../settings.ts';
import { type Account, findAccount, findAccountBy } from '../users/account-queries.ts';
import { compose } from './compose.ts';
import { createLinkToken, createUid, type LinkKeys, type Purpose } from './link-token.ts';
import { type MailTransport, Undeliverable } from './message.ts';
import { postpone, removeMail, rescheduleOutbox, takeDue, type WaitingMail } from './outbox-queries.ts';

export type MailDeps = Readonly<{
  tenantDatabase: TenantDatabase;
  secrets: AppSecrets;
  withDefaults: (
    tenant: Readonly<{ isSite: boolean }>,
    overrides: Readonly<Record<string, unknown>>,
  ) => AccountSettings;
  transport: MailTransport;
  /** Returns the origin of links for a tenant's primary domain. */
  originOf: (domain: string) => string;
  from: string;
}>;

/** Maximum mails of one tenant that are taken at a time. */
const BATCH = 5;

const here = z
  .object({
    name: z.string(),
    settings: z.record(z.string(), z.unknown()),
    key_generation: z.number(),
    domain: z.string(),
  })
  .strict();
type Here = z.infer<typeof here>;

const findHere = (tx: TenantTransaction): Promise<Here> =>
  tx.one(sql.type(here)`
    select t.name, t.settings, t.key_generation, d.domain
    from tenancy.my_tenant() as t
    join tenancy.my_domains() as d on d.is_primary
  `);

/** Returns the recipient of a mail and the purpose of its link, or null when the recipient no longer exists. */
async function findReader(
  tx: TenantTransaction,
  { kind, user_id, address }: WaitingMail,
): Promise<{ account: Account; purpose: Purpose | null } | null> {
  const account =
    user_id === null
      ? await findAccountBy(tx, 'email', address ?? '')
      : await findAccount(tx, String(user_id));
  if (!account) {
    return null;
  }
  const isOpen = account.is_active && !account.password.startsWith('!');
  switch (kind) {
    case 'activation':
    case 'resend_activation':
      return account.awaits_activation && !account.is_active ? { account, purpose: 'activation' } : null;
    case 'password_reset':
    case 'username_reset':
      return isOpen ? { account, purpose: kind } : null;
    default:
      return { account, purpose: null };
  }
}

const TEMPLATES = {
  activation: 'ACTIVATION_URL',
  password_reset: 'PASSWORD_RESET_CONFIRM_URL',
  username_reset: 'USERNAME_RESET_CONFIRM_URL',
} as const satisfies Record<Purpose, keyof AccountSettings>;

type Prepared = Readonly<{ mail: WaitingMail; message: Mail | null }>;

/** Takes due mails and creates their links. Links are never stored in the database. */
async function prepare(deps: MailDeps, tenant: TenantId): Promise<readonly Prepared[]> {
  return withTenant(deps.tenantDatabase, { tenant, readOnly: false }, async (tx) => {
    const { name, settings: overrides, key_generation: keyGeneration, domain } = await findHere(tx);
    const settings = deps.withDefaults({ isSite: false }, overrides);
    const keys: LinkKeys = tenantKeys(deps.secrets, { id: tenant, keyGeneration }, 'link');
    const prepared: Prepared[] = [];
    for (const mail of await takeDue(tx, BATCH)) {
      const reader = await findReader(tx, mail);
      const to = mail.address ?? reader?.account.email ?? '';
      if (!reader || to === '') {
        prepared.push({ mail, message: null });
        continue;
      }
      const { account, purpose } = reader;
      const path =
        purpose &&
        settings[TEMPLATES[purpose]]
          .replaceAll('{uid}', createUid(keys, account.id))
          .replaceAll('{token}', createLinkToken(keys, purpose, account));
      const link = path === null ? null : `${deps.originOf(domain)}/${path}`;
      prepared.push({
        mail,
        // Uses the account's own spelling: the requested address may differ in case.
        message: compose(mail.kind, {
          site: name,
          from: deps.from,
          to: mail.user_id === null ? account.email : to,
          account,
          link,
        }),
      });
    }
    return prepared;
  });
}

type Sent = Readonly<{ mail: WaitingMail; error: Error | null }>;

async function send(transport: MailTransport, { mail, message }: Prepared): Promise<Sent> {
  try {
    if (message) {
      await transport.send(message);
    }
    return { mail, error: null };
  } catch (error) {
    return { mail, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/**
 * Sends the due mail of one tenant outside any transaction, and records in `tenancy` when to check
 * again.
 *
 * Delivery is at least once: a process that is killed between sending and recording sends the mail twice.
 * `seen` is the mark of `tenancy.find_due`. Returns whether more is due now, and the failures.
 */
export async function deliverMail(
  deps: MailDeps,
  { tenant, seen }: { tenant: TenantId; seen: string },
): Promise<{ more: boolean; failures: readonly Error[] }> {
  const sent: Sent[] = [];
  for (const prepared of await prepare(deps, tenant)) {
    sent.push(await send(deps.transport, prepared));
  }
  const next = await withTenant(deps.tenantDatabase, { tenant, readOnly: false }, async (tx) => {
    for (const { mail, error } of sent) {
      if (error) {
        await postpone(tx, mail, error.message, error instanceof Undeliverable);
      } else {
        await removeMail(tx, mail.id);
      }
    }
    return rescheduleOutbox(tx, seen);
  });
  return {
    more: next !== null && next <= 0,
    failures: sent.flatMap(({ error }) => (error ? [error] : [])),
  };
}
