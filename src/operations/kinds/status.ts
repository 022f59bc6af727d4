import type pg from 'pg';
import { z } from 'zod';
import { defineOperation } from '../../tenancy/operations/operation-kind.ts';
import {
  type Change,
  resumeTenant,
  suspendTenant,
  undeleteTenant,
} from '../../tenancy/registry/change-status.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';

const statusKind = (
  facts: Readonly<{ kind: string; title: string; description: string }>,
  change: (owner: pg.ClientConfig, schema: string) => Promise<Change>,
) =>
  defineOperation({
    ...facts,
    repeatable: true,
    arguments: z.strictObject({}),
    run: async (_given, { databases, tenant }) => {
      const { tenant: now, changed } = await change(chooseDatabase(databases, MAIN).owner, tenant);
      return { status: now.status, changed };
    },
  });

export const statusKinds = [
  statusKind(
    {
      kind: 'suspend-tenant',
      title: 'Suspend tenant',
      description: "The tenant's API returns 402, except for login and the user's own account.",
    },
    suspendTenant,
  ),
  statusKind(
    { kind: 'resume-tenant', title: 'Resume tenant', description: 'A suspended tenant is served again.' },
    resumeTenant,
  ),
  statusKind(
    {
      kind: 'undelete-tenant',
      title: 'Undelete tenant',
      description: 'Restores a deleted tenant that was not purged.',
    },
    undeleteTenant,
  ),
];
