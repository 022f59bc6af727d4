import type pg from 'pg';
import { z } from 'zod';

import { defineOperation, type OperationKind } from '../../tenancy/operations/operation-kind.ts';
import {
  type Change,
  endMaintenance,
  resumeTenant,
  suspendTenant,
  undeleteTenant,
} from '../../tenancy/registry/change-status.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import { startMaintenance } from '../../tenancy/registry/start-maintenance.ts';
import { blockSeconds } from './fields.ts';

const statusKind = (
  facts: Pick<OperationKind, 'kind' | 'title' | 'description' | 'statuses'> &
    Partial<Pick<OperationKind, 'target'>>,
  change: (owner: pg.ClientConfig, schema: string) => Promise<Change>,
): OperationKind =>
  defineOperation({
    ...facts,
    repeatable: true,
    arguments: z.strictObject({}),
    run: async (_given, { databases, tenant }) => {
      const { tenant: now, changed } = await change(chooseDatabase(databases, MAIN).owner, tenant);
      return { status: now.status, changed };
    },
  });

/** Suspension, maintenance, and the end of both and of a deletion. */
export const statusKinds: readonly OperationKind[] = [
  statusKind(
    {
      kind: 'suspend-tenant',
      title: 'Suspend tenant',
      statuses: ['active'],
      description: "The tenant's API returns 402, except for login and the user's own account.",
    },
    suspendTenant,
  ),
  statusKind(
    {
      kind: 'resume-tenant',
      title: 'Resume tenant',
      description: 'A suspended tenant is served again.',
      statuses: ['suspended'],
    },
    resumeTenant,
  ),
  defineOperation({
    kind: 'start-maintenance',
    title: 'Start maintenance',
    description: "The tenant's hosts return 503 with Retry-After until the maintenance ends.",
    target: 'tenant-or-site',
    statuses: ['active', 'suspended'],
    repeatable: true,
    arguments: z.strictObject({
      retry_after: z.number().int().min(1).max(86_400).default(60).meta({
        title: 'Retry after',
        description: 'Seconds after which clients should retry.',
      }),
      block_seconds: blockSeconds,
    }),
    run: async ({ retry_after: retryAfter, block_seconds: seconds }, { databases, tenant, log }) => {
      const options = { retryAfter, blockSeconds: seconds };
      const { tenant: now, drained } = await startMaintenance(databases, tenant, options);
      if (!drained) {
        log(`Requests are still running after ${seconds} s. They will end on their own.`);
      }
      return { status: now.status, drained };
    },
  }),
  statusKind(
    {
      kind: 'end-maintenance',
      title: 'End maintenance',
      description: 'The tenant returns to its status before the maintenance.',
      target: 'tenant-or-site',
      statuses: ['maintenance'],
    },
    endMaintenance,
  ),
  statusKind(
    {
      kind: 'undelete-tenant',
      title: 'Undelete tenant',
      statuses: ['deleted'],
      description: 'Restores a deleted tenant that was not purged.',
    },
    undeleteTenant,
  ),
];
