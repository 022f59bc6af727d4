import type pg from 'pg';

import { seen } from '../evaluate.ts';
import { oidOf } from '../measures.ts';
import { predictFromDoubles, predictFromIntegers } from '../random-state.ts';
import { type Attack, type AttackFixture, type Category, sqlAttack } from '../record.ts';
import { enterBare } from '../send-as-acme.ts';

/**
 * Draws random values in a transaction of acme, and returns whether they predict the next value that
 * globex draws on the connection.
 */
async function predictsNext(
  { world }: AttackFixture,
  predict: (client: pg.Client) => Promise<number | null>,
): Promise<unknown> {
  const client = await world.bare();
  try {
    await client.query('begin');
    await enterBare(client, world, world.acme);
    const predicted = await predict(client).catch((error: Error) => error.message);
    await client.query('rollback; begin');
    await enterBare(client, world, world.globex);
    const { rows } = await client.query<{ drawn: number }>('select random() as drawn');
    await client.query('rollback');
    return predicted === rows[0]?.drawn ? seen('predicted') : [];
  } finally {
    await client.end();
  }
}

/** Returns one row if PostgreSQL allows the tenant to call the function. */
const CLOSED: ReadonlyArray<readonly [id: string, what: string, text: string, since?: number]> = [
  ['xact-status', "read whether another's transaction was committed", `pg_xact_status('3'::xid8)`],
  ['multixacts', "count another's shared row locks", `mxid_age('1'::xid)`],
  [
    'control',
    "read the cluster's control data",
    '(select c.system_identifier from pg_control_system() as c)',
  ],
  ['slots', 'read the position of replication slots', '(select count(*) from pg_get_replication_slots())'],
  [
    'prepared-transactions',
    "list another's prepared transactions",
    '(select count(*) from pg_prepared_xact())',
  ],
  [
    'prepared-statements',
    'list statements prepared earlier on its connection',
    '(select count(*) from pg_prepared_statement())',
  ],
  ['cursors', 'list cursors left open on its connection', '(select count(*) from pg_cursor())'],
  [
    'toast-chunks',
    "count another's values stored out of line",
    '(select count(pg_column_toast_chunk_id(p.description)) from attack_notes as p)',
    170_000,
  ],
  ['shuffle', 'use the random generator that its connection shares', 'array_shuffle(array[1, 2])', 160_000],
  ['populate', 'call the functions of CVE-2026-120141', `jsonb_populate_record(null::attack_notes, '{}')`],
];

const closed = ([id, what, text, since]: (typeof CLOSED)[number]): Attack => ({
  id: `backend-${id}`,
  name: `a tenant cannot ${what}`,
  controls: 'one SQL expression',
  walls: ['hardening'],
  leak: 'bit',
  ...(since === undefined ? {} : { since }),
  action: async ({ send }) => {
    const received = await send([`select 'called' as outcome, (${text})::text as answer`]);
    return JSON.stringify(received).includes('"outcome":"called"') ? seen('called') : received;
  },
});

/** These lock the index before they check its owner. */
const LOCKING: ReadonlyArray<readonly [id: string, name: string]> = [
  ['lock-summarize', 'brin_summarize_new_values'],
  ['lock-pending-list', 'gin_clean_pending_list'],
];

export const backendState: Category = {
  title: "State of the backend, and functions that reveal other tenants' work",
  attacks: [
    {
      id: 'random-integers',
      name: "a tenant cannot compute the next tenant's random numbers from two integers",
      controls: 'one SQL expression',
      walls: ['reseed'],
      leak: 'bit',
      since: 170_000,
      action: (fixture) =>
        predictsNext(fixture, async (client) => {
          const { rows } = await client.query<{ a: string; b: string }>(
            `select random('-9223372036854775808'::bigint, 9223372036854775807)::text as a,
                    random('-9223372036854775808'::bigint, 9223372036854775807)::text as b`,
          );
          return rows[0] ? predictFromIntegers(BigInt(rows[0].a), BigInt(rows[0].b)) : null;
        }),
    },
    {
      id: 'random-doubles',
      name: "a tenant cannot compute the next tenant's random numbers from three doubles",
      controls: 'one SQL expression',
      walls: ['reseed'],
      leak: 'bit',
      action: (fixture) =>
        predictsNext(fixture, async (client) => {
          const { rows } = await client.query<{ a: number; b: number; c: number }>(
            'select random() as a, random() as b, random() as c',
          );
          return rows[0] ? predictFromDoubles([rows[0].a, rows[0].b, rows[0].c]) : null;
        }),
    },
    ...CLOSED.map(closed),
    ...LOCKING.map(
      ([id, name]): Attack => ({
        id: `backend-${id}`,
        name: `a tenant cannot lock another's index with ${name}`,
        controls: 'one SQL expression',
        walls: ['hardening'],
        leak: 'bit',
        action: async ({ send }) => {
          const received = await send([`select ${name}(${oidOf('attack_notes_pkey')})::text as answer`]);
          return /is not a (BRIN|GIN) index|must be owner/.test(JSON.stringify(received))
            ? seen('locked')
            : received;
        },
      }),
    ),
    sqlAttack({
      id: 'backend-populate-other',
      name: "a tenant cannot read another's rows with jsonb_populate_recordset",
      controls: 'one SQL expression',
      walls: ['hardening', 'role', 'policy'],
      texts:
        'select (jsonb_populate_recordset(null::globex.attack_notes, (select jsonb_agg(g) from globex.attack_notes as g))).name',
    }),
  ],
};
