import { randomUUID } from 'node:crypto';

import type { ProofKey } from '../../tenancy/context/keys.ts';
import { createProof, type Proof, signMessage } from '../../tenancy/context/proof.ts';
import { type SealedOperation, sealOperation } from '../../tenancy/operations/seal.ts';
import type { AttackContext } from '../context.ts';
import { seen } from '../evaluate.ts';
import { inOpenTransaction } from '../in-open-transaction.ts';
import type { Attack, AttackFixture, Category } from '../record.ts';

/** An operation that would suspend the tenant under attack. */
const forged = ({ globex }: AttackContext): SealedOperation => ({
  id: randomUUID(),
  kind: 'suspend-tenant',
  tenant: globex.schema,
  arguments: {},
  actor: 'attacker',
  address: null,
});

const requestOf = (key: ProofKey, operation: SealedOperation): string =>
  JSON.stringify(sealOperation(key, operation));

const proofOf = (key: ProofKey, name: string, request: string, now?: number): Proof =>
  signMessage(key, `operators.${name}|${request}`, now);

/** Returns a literal of SQL, or null. */
const literal = (text: string | null): string => (text === null ? 'null' : `'${text.replaceAll("'", "''")}'`);

type Call = Readonly<{ name: string; request: string; expires: number | null; proof: string | null }>;

const textOf = ({ name, request, expires, proof }: Call): string =>
  `select 'called' as outcome, tenancy.${name}(${literal(request)}, ${expires}, ${literal(proof)})::text as answer`;

/** Runs a statement in a transaction of acme that is rolled back. A result means that the attack succeeded. */
const asTenant = (fixture: AttackFixture, text: string): Promise<unknown> =>
  inOpenTransaction(fixture, [], async (query) => {
    await query(text);
    return seen('the statement was accepted');
  });

/** Runs calls on a connection of the service's login, in a transaction that is rolled back. */
async function asService({ bare }: AttackContext, calls: readonly Call[]): Promise<unknown> {
  const client = await bare();
  try {
    await client.query('begin');
    for (const { name, request, expires, proof } of calls) {
      await client.query(`select tenancy.${name}($1, $2, $3)`, [request, expires, proof]);
    }
    return seen('the call was accepted');
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.query('rollback');
    await client.end();
  }
}

const request = (world: AttackContext, operation = forged(world)): string =>
  requestOf(world.keys[0], operation);

/** Proofs that are not made for the request that they come with. */
const PROOFS: ReadonlyArray<
  readonly [id: string, how: string, make: (world: AttackContext, text: string) => Partial<Proof>]
> = [
  ['unproved', 'without a proof', () => ({})],
  [
    'other-function',
    'with the proof of another function',
    ({ keys }, text) => proofOf(keys[0], 'list_operations', text),
  ],
  ['entry-proof', 'with the proof of an entry', ({ keys, acme }) => createProof(keys[0], acme.id)],
  [
    'other-operation',
    'with the proof of another operation',
    (world) => proofOf(world.keys[0], 'request_operation', request(world)),
  ],
  [
    'changed-arguments',
    'with changed arguments',
    ({ keys }, text) => proofOf(keys[0], 'request_operation', text.replace('suspend', 'resume')),
  ],
  [
    'own-key',
    'with a proof from a key of its own',
    ({ keys }, text) => proofOf({ id: keys[0].id, secret: Buffer.alloc(32, 7) }, 'request_operation', text),
  ],
  [
    'expired',
    'with an expired proof',
    ({ keys }, text) => proofOf(keys[0], 'request_operation', text, Date.now() - 61_000),
  ],
];

const withForgedProof = ([id, how, make]: (typeof PROOFS)[number]): Attack => ({
  id: `operation-${id}`,
  name: `an operation cannot be requested ${how}`,
  controls: 'several statements',
  walls: ['operator-proof'],
  leak: 'change',
  action: ({ world }) => {
    const text = request(world);
    const { expires = Math.floor(Date.now() / 1000) + 60, text: proof = null } = make(world, text);
    return asService(world, [{ name: 'request_operation', request: text, expires, proof }]);
  },
});

/** Statements of a tenant on the tables of operations and of the audit. */
const STATEMENTS: ReadonlyArray<readonly [id: string, what: string, text: string, walls: Attack['walls']]> = [
  [
    'operation-insert',
    'insert an operation',
    `insert into tenancy.operations (id, kind, schema_name, sealed, seal, actor)
     values (gen_random_uuid(), 'suspend-tenant', 'globex', '{}', 'none', 'attacker')`,
    ['registry'],
  ],
  ['operation-update', 'change operations', `update tenancy.operations set status = 'queued'`, ['registry']],
  ['operation-read', 'read operations', 'select o.id from tenancy.operations as o', ['registry']],
  [
    'audit-read-table',
    'read the audit of others',
    'select e.id from tenancy.audit_events as e',
    ['registry'],
  ],
  [
    'audit-insert',
    'add an event in the name of an operator',
    `insert into tenancy.audit_events (actor, source, action) values ('root', 'api', 'suspend-tenant')`,
    ['registry'],
  ],
  [
    'audit-update',
    'change events of the audit',
    `update tenancy.audit_events set actor = 'nobody'`,
    ['registry', 'append-only'],
  ],
  [
    'audit-delete',
    'delete events of the audit',
    'delete from tenancy.audit_events',
    ['registry', 'append-only'],
  ],
  [
    'audit-truncate',
    'empty the audit',
    'truncate tenancy.audit_events',
    ['statement', 'registry', 'append-only'],
  ],
];

const statement = ([id, what, text, walls]: (typeof STATEMENTS)[number]): Attack => ({
  id,
  name: `a tenant cannot ${what}`,
  controls: 'one statement',
  walls,
  leak: 'change',
  action: (fixture) => asTenant(fixture, text),
});

/** Functions that show the fleet, as a tenant would call them in an expression. */
const READS = ['list_tenants', 'show_tenant', 'list_operations', 'list_audit_events'] as const;

const read = (name: (typeof READS)[number]): Attack => ({
  id: `operator-${name.replaceAll('_', '-')}`,
  name: `a tenant cannot call ${name}`,
  controls: 'one SQL expression',
  walls: ['operator-rights', 'operator-proof'],
  leak: 'row',
  action: (fixture) => {
    const given = {
      tenant: fixture.world.globex.schema,
      limit: 9,
      offset: 0,
      expected: '',
      expected_count: 0,
    };
    return asTenant(
      fixture,
      textOf({ name, request: JSON.stringify(given), expires: 4_000_000_000, proof: 'none' }),
    );
  },
});

export const operations: Category = {
  title: 'Operations and audit',
  attacks: [
    ...STATEMENTS.map(statement),
    ...READS.map(read),
    {
      id: 'operation-call',
      name: 'a tenant cannot request an operation, not even with a valid proof',
      controls: 'one SQL expression',
      walls: ['operator-rights'],
      leak: 'change',
      action: (fixture) => {
        const { world } = fixture;
        const text = request(world);
        const { expires, text: proof } = proofOf(world.keys[0], 'request_operation', text);
        return asTenant(fixture, textOf({ name: 'request_operation', request: text, expires, proof }));
      },
    },
    ...PROOFS.map(withForgedProof),
    {
      id: 'operation-unsealed',
      name: 'an operation that the service has not sealed cannot be requested',
      controls: 'several statements',
      walls: ['seal'],
      leak: 'change',
      action: ({ world }) => {
        const { sealed, seal } = sealOperation(world.keys[0], {
          ...forged(world),
          tenant: world.acme.schema,
        });
        const text = JSON.stringify({ sealed: sealed.replace(world.acme.schema, world.globex.schema), seal });
        const { expires, text: proof } = proofOf(world.keys[0], 'request_operation', text);
        return asService(world, [{ name: 'request_operation', request: text, expires, proof }]);
      },
    },
    {
      id: 'operation-replayed',
      name: 'an operation cannot be requested twice with one proof',
      controls: 'several statements',
      walls: ['operation-once'],
      leak: 'change',
      action: ({ world }) => {
        const text = request(world);
        const { expires, text: proof } = proofOf(world.keys[0], 'request_operation', text);
        const call = { name: 'request_operation', request: text, expires, proof };
        return asService(world, [call, call]);
      },
    },
  ],
};
