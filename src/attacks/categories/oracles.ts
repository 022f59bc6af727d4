import { ROW_COUNT } from '../context.ts';
import { seen } from '../evaluate.ts';
import { measures, oidOf } from '../measures.ts';
import { type Attack, type AttackFixture, type Category, sqlAttack } from '../record.ts';
import { canaryIn } from '../send-as-acme.ts';

/**
 * Creates an attack that succeeds when it returns the number of rows of globex.attack_counts, or its
 * sequence value.
 */
const counting = (id: string, what: string, text: string, walls: Attack['walls']): Attack => ({
  id: `count-${id}`,
  name: `a tenant cannot count another's rows with ${what}`,
  controls: 'one SQL expression',
  walls,
  leak: 'bit',
  action: async ({ send }) => {
    const received = await send([text]);
    return new RegExp(`\\b${ROW_COUNT}\\b`).test(JSON.stringify(received)) ? seen('counted') : received;
  },
});

const COUNTS: ReadonlyArray<readonly [id: string, text: string]> = [
  ['live-tuples', `select pg_stat_get_live_tuples(${oidOf('attack_counts')})`],
  ['tuples-inserted', `select pg_stat_get_tuples_inserted(${oidOf('attack_counts')})`],
  ['ins-since-vacuum', `select pg_stat_get_ins_since_vacuum(${oidOf('attack_counts')})`],
  ['mod-since-analyze', `select pg_stat_get_mod_since_analyze(${oidOf('attack_counts')})`],
];

const VIEWS = ['pg_stat_user_tables', 'pg_stat_all_tables'];

const guesses: ReadonlyArray<readonly [id: string, what: string, text: (fixture: AttackFixture) => string]> =
  [
    [
      'unique',
      "find another's value with a unique index",
      ({ guess }) => `insert into globex.attack_people (id, name) values (7, '${guess.name}')`,
    ],
    [
      'primary-key',
      "find another's key with a primary key",
      ({ guess }) => `insert into globex.attack_notes (id, name) values (${guess.id}, 'x')`,
    ],
    [
      'exclusion',
      "find another's value with an exclusion constraint",
      ({ guess }) =>
        `insert into globex.attack_ranges (id, span) values (7, int8range(${guess.id}, ${guess.id}, '[]'))`,
    ],
    [
      'foreign-key',
      "find with a foreign key whether another's row exists",
      ({ guess }) => `insert into globex.attack_notes (id, name, author_id) values (99, 'x', ${guess.id})`,
    ],
    [
      'do-nothing',
      "find another's value with ON CONFLICT DO NOTHING",
      ({ guess }) =>
        `insert into globex.attack_notes (id, name) values (${guess.id}, 'x') on conflict do nothing returning id`,
    ],
    [
      'exists',
      "test whether another's row exists",
      ({ guess }) => `select exists (select from globex.attack_people where name = '${guess.name}')`,
    ],
    [
      'division',
      "raise an error that depends on another's row",
      ({ guess }) => `select 1 / (select count(*) from globex.attack_notes where id = ${guess.id})`,
    ],
    [
      'count',
      "count another's rows that match a condition",
      ({ guess }) => `select count(*) from globex.attack_notes where id = ${guess.id}`,
    ],
  ];

export const oracles: Category = {
  title: 'Counts and guesses',
  attacks: [
    ...COUNTS.map(([id, text]) =>
      counting(id, `pg_stat_get_${id.replaceAll('-', '_')}`, text, ['hardening']),
    ),
    ...VIEWS.map((view) =>
      counting(
        view.replaceAll('_', '-'),
        view,
        `select n_live_tup from ${view} where schemaname = 'globex' and relname = 'attack_counts'`,
        ['hardening'],
      ),
    ),
    counting(
      'sequence',
      'pg_sequence_last_value',
      `select pg_sequence_last_value(${oidOf('attack_counts_id_seq')})`,
      ['hardening', 'role'],
    ),
    counting(
      'sequences-view',
      'pg_sequences',
      `select last_value from pg_sequences where schemaname = 'globex'`,
      ['hardening', 'role'],
    ),
    counting('sequence-row', 'the row of a sequence', 'select last_value from globex.attack_counts_id_seq', [
      'role',
    ]),
    counting('rows', 'count(*)', 'select count(*) from globex.attack_counts', ['role', 'policy']),
    ...measures,
    ...guesses.map(([id, what, texts]) =>
      sqlAttack({
        id: `guess-${id}`,
        name: `a tenant cannot ${what}`,
        controls: 'one statement',
        walls: ['role', 'policy'],
        leak: 'bit',
        texts,
      }),
    ),
    ...guesses.map(([id, what, texts]) =>
      sqlAttack({
        id: `guess-as-other-${id}`,
        name: `a tenant that became another cannot ${what}`,
        controls: 'several statements',
        walls: ['statement', 'policy'],
        leak: 'bit',
        texts: (fixture) => [`set local role ${fixture.world.globex.role}`, texts(fixture)],
      }),
    ),
    sqlAttack({
      id: 'guess-explain',
      name: "a tenant cannot infer another's rows from the estimates of EXPLAIN",
      controls: 'several statements',
      walls: ['statement'],
      leak: 'bit',
      texts: ({ world, guess }) => [
        `set local role ${world.globex.role}`,
        `explain select from globex.attack_notes where name = '${guess.name}'`,
      ],
    }),
    sqlAttack({
      id: 'stats-values',
      name: "a tenant cannot read another's values in the planner's statistics",
      controls: 'one statement',
      walls: ['role', 'policy'],
      texts: `select most_common_vals::text from pg_stats where schemaname = 'globex'`,
    }),
    {
      id: 'activity',
      name: "a session that sends any statement cannot read another's running statement",
      controls: 'several statements',
      walls: ['statement', 'hardening'],
      leak: 'row',
      action: async ({ world, send }) => {
        const other = await world.bare();
        await other.query(`select 'canary-8d1f3c'`);
        const received = await send([
          'set local role none',
          `select query from pg_stat_activity where usename = current_user and pid <> pg_backend_pid() and query like '%canary%'`,
        ]);
        await other.end();
        return canaryIn(received) && JSON.stringify(received).includes(`"query":"select 'canary`)
          ? received
          : [];
      },
    },
  ],
};
