import { type AttackFixture, type Category, sqlAttack } from '../record.ts';

const FROM = 'select name from globex.attack_notes where id = 1';
const TABLE = `(select c.oid::regclass from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = 'globex' and c.relname = 'attack_notes')`;

// Each runs an SQL text, or reads a table given by name, inside an expression.
const RUNNERS: ReadonlyArray<readonly [id: string, expression: string]> = [
  ['query_to_xml', `query_to_xml('${FROM}', true, false, '')::text`],
  ['query_to_xml_and_xmlschema', `query_to_xml_and_xmlschema('${FROM}', true, false, '')::text`],
  ['table_to_xml', `table_to_xml(${TABLE}, true, false, '')::text`],
  ['table_to_xml_and_xmlschema', `table_to_xml_and_xmlschema(${TABLE}, true, false, '')::text`],
  ['schema_to_xml', `schema_to_xml('globex', true, false, '')::text`],
  ['schema_to_xml_and_xmlschema', `schema_to_xml_and_xmlschema('globex', true, false, '')::text`],
  ['database_to_xml', `database_to_xml(true, false, '')::text`],
  [
    'ts_stat',
    `(select string_agg(word, ' ') from ts_stat('select to_tsvector(''simple'', name) from globex.attack_notes'))`,
  ],
  [
    'ts_rewrite',
    `ts_rewrite('a'::tsquery, 'select ''a''::tsquery, phraseto_tsquery(''simple'', name) from globex.attack_notes where id = 1')::text`,
  ],
];

const become = ({ world }: AttackFixture): string => `set_config('role', '${world.globex.role}', true)`;

export const textFunctions: Category = {
  title: 'Functions that execute text or change settings, in one expression',
  attacks: [
    ...RUNNERS.map(([id, expression]) =>
      sqlAttack({
        id: `text-${id.replaceAll('_', '-')}`,
        name: `a tenant cannot become another and read, in one expression with ${id}`,
        controls: 'one SQL expression',
        walls: ['hardening', 'policy'],
        texts: (fixture) => `select ${become(fixture)} || ${expression}`,
      }),
    ),
    sqlAttack({
      id: 'text-own-role',
      name: 'a tenant cannot execute text that reads another',
      controls: 'one SQL expression',
      walls: ['hardening', 'role', 'policy'],
      texts: `select query_to_xml('${FROM}', true, false, '')::text`,
    }),
    sqlAttack({
      id: 'text-set-role-then-read',
      name: 'a tenant cannot become another in one SELECT and read in the next',
      controls: 'several statements',
      walls: ['hardening', 'policy'],
      texts: (fixture) => [`select ${become(fixture)}`, FROM],
    }),
    sqlAttack({
      id: 'text-set-path-then-read',
      name: "a tenant cannot set another's path in one SELECT and read in the next",
      controls: 'several statements',
      walls: ['hardening', 'role', 'policy'],
      texts: [
        `select set_config('search_path', 'globex', true)`,
        'select name from attack_notes where id = 1',
      ],
    }),
    {
      id: 'text-trigger-path',
      name: "a tenant cannot make its own trigger resolve names on another's path",
      controls: 'several statements',
      walls: ['hardening', 'role', 'policy'],
      leak: 'row',
      action: async ({ world: { acme, migrating }, send }) => {
        await migrating(
          acme,
          `create function fill_in() returns trigger language plpgsql as $$
           begin
             new.description := (select p.name from attack_notes as p where p.id = 1);
             return new;
           end
           $$;
           create trigger fills before insert on attack_notes for each row execute function fill_in()`,
        );
        try {
          return await send([
            `select set_config('search_path', 'globex', true)`,
            `insert into acme.attack_notes (name) values ('mine') returning description`,
          ]);
        } finally {
          await migrating(acme, 'drop trigger fills on attack_notes; drop function fill_in()');
        }
      },
    },
    sqlAttack({
      id: 'text-pg-settings',
      name: 'a tenant cannot become another with an UPDATE of pg_settings',
      controls: 'several statements',
      walls: ['hardening', 'policy'],
      texts: ({ world }) => [
        `update pg_settings set setting = '${world.globex.role}' where name = 'role'`,
        FROM,
      ],
    }),
    sqlAttack({
      id: 'text-pg-settings-path',
      name: "a tenant cannot set another's path with an UPDATE of pg_settings",
      controls: 'several statements',
      walls: ['hardening', 'role', 'policy'],
      texts: [
        `update pg_settings set setting = 'globex' where name = 'search_path'`,
        'select name from attack_notes where id = 1',
      ],
    }),
    sqlAttack({
      id: 'text-row-security',
      name: 'a tenant cannot disable row-level security in one SELECT and read in the next',
      controls: 'several statements',
      walls: ['hardening', 'role', 'policy'],
      texts: [`select set_config('row_security', 'off', true)`, FROM],
    }),
    sqlAttack({
      id: 'text-forge',
      name: 'a tenant cannot forge the context with UPDATE pg_settings or set_config and read',
      controls: 'several statements',
      walls: ['hardening', 'role', 'context'],
      texts: ({ world }) => [
        world.contextMode === 'guarded'
          ? `select set_config('backtrace_functions', '${world.globex.role}', true)`
          : `select set_config('tenancy.context', '${world.globex.role}|' || pg_backend_pid() || '|'
               || extract(epoch from transaction_timestamp()) || '|00', true)`,
        FROM,
      ],
      contextMode: 'signed',
    }),
  ],
};
