import { sql } from 'slonik';
import { z } from 'zod';

import type { PreparedOwner } from '../../../definition/owners.ts';
import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';

const nothing = z.object({});

export const signUpState = z.enum(['unconfirmed', 'waiting', 'ready', 'taken']);

const signup = z
  .object({
    id: z.string(),
    state: signUpState,
    slug: z.string(),
    name: z.string(),
  })
  .strict();

/** A sign-up, without its secrets. */
export type SignUp = Readonly<z.infer<typeof signup>>;

export type NewSignUp = Readonly<{
  id: string;
  statusKey: Buffer;
  state: 'unconfirmed' | 'waiting';
  slug: string;
  name: string;
  email: string;
  owner: PreparedOwner;
  invitation: Buffer | null;
  /** Seconds. */
  lifetime: number;
}>;

/** Adds a sign-up. With an unconfirmed address, its mail is due. Returns false when the invitation was used. */
export async function insertSignUp(tx: TenantTransaction, given: NewSignUp): Promise<boolean> {
  const { rowCount } = await tx.query(sql.type(nothing)`
    insert into signups (
      id, status_key, state, slug, name, email, owner, invitation, expires_at, mail_due_at
    )
    values (
      ${given.id}::uuid,
      ${sql.binary(given.statusKey)},
      ${given.state},
      ${given.slug},
      ${given.name},
      ${given.email},
      ${JSON.stringify(given.owner)}::jsonb,
      decode(${given.invitation?.toString('hex') ?? null}::text, 'hex'),
      now() + make_interval(secs => ${given.lifetime}),
      case when ${given.state} = 'unconfirmed' then now() end
    )
    on conflict on constraint signups__invitation do nothing
  `);
  return rowCount === 1;
}

const columns = sql.fragment`id, state, slug, name`;

export const findSignUp = (tx: TenantTransaction, id: string): Promise<SignUp | null> =>
  tx.maybeOne(sql.type(signup)`
    select ${columns}
    from signups
    where id = ${id}::uuid
      and (expires_at > now() or state in ('waiting', 'ready'))
  `);

export const findSignUpByKey = (
  tx: TenantTransaction,
  { id, digest }: Readonly<{ id: string; digest: Buffer }>,
): Promise<SignUp | null> =>
  tx.maybeOne(sql.type(signup)`
    select ${columns}
    from signups
    where id = ${id}::uuid
      and status_key = ${sql.binary(digest)}
  `);

/** Passes a sign-up with a confirmed address to the worker, with another name if one is given. */
export async function confirmSignUp(tx: TenantTransaction, id: string, slug: string | null): Promise<void> {
  await tx.query(sql.type(nothing)`
    update signups
    set
      state = 'waiting',
      slug = coalesce(${slug}::text, slug),
      mail_due_at = null,
      taken_at = null
    where id = ${id}::uuid
      and state in ('unconfirmed', 'taken')
      and expires_at > now()
  `);
}
