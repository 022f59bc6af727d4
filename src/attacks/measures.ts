import { seen } from './evaluate.ts';
import type { Attack } from './record.ts';

/** Returns an expression for the oid of a relation of globex, which every role may look up. */
export const oidOf = (relation: string): string =>
  `(select c.oid from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = 'globex' and c.relname = '${relation}')`;

/** Attacks on measures that reveal the amount of data: size, writes, changes. */
export const measures: readonly Attack[] = [
  {
    id: 'count-size',
    name: "a tenant cannot measure the size of another's table",
    controls: 'one SQL expression',
    walls: ['hardening'],
    leak: 'bit',
    action: async ({ send }) => {
      const received = await send([`select pg_relation_size(${oidOf('attack_counts')})::text as bytes`]);
      return /"bytes":"[1-9]/.test(JSON.stringify(received)) ? seen('measured') : received;
    },
  },
  {
    id: 'count-wal',
    name: 'a tenant cannot measure how much another writes',
    controls: 'one SQL expression',
    walls: ['hardening'],
    leak: 'bit',
    action: async ({ world: { globex, inside }, send }) => {
      const query = `select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as bytes`;
      const position = async (): Promise<number> =>
        Number(/"bytes":"(\d+)"/.exec(JSON.stringify(await send([query])))?.[1]);
      const before = await position();
      await inside(
        globex,
        `insert into ${globex.schema}.attack_notes (id, name) select 700000 + n, md5(n::text) from generate_series(1, 500) as n;
         delete from ${globex.schema}.attack_notes where id between 700001 and 700500`,
      );
      return (await position()) - before > 50_000 ? seen('measured') : [];
    },
  },
  {
    id: 'count-place',
    name: "a tenant cannot locate another's row with currtid2",
    controls: 'one SQL expression',
    walls: ['hardening', 'role'],
    leak: 'bit',
    action: async ({ world: { globex, inside }, send }) => {
      const row = `${globex.schema}.attack_notes as p where p.id = 1`;
      const rowLocation = async () => (await inside(globex, `select p.ctid::text as at from ${row}`))[0]?.at;
      const before = await rowLocation();
      await inside(globex, `update ${globex.schema}.attack_notes set name = name where id = 1`);
      const received = await send([`select currtid2('globex.attack_notes', '${before}')::text as at`]);
      return JSON.stringify(received).includes(`"at":"${await rowLocation()}"`) ? seen('followed') : received;
    },
  },
];
