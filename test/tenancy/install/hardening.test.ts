// Functions that an application can still use in a hardened database: node test/run.ts test/tenancy/install/hardening.test.ts
import test from 'ava';

import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ installs: true });
  await world.migrating(
    world.acme,
    `create table samples (
       id bigint generated always as identity,
       word text not null,
       words text[] not null default '{}',
       document jsonb not null default '{}',
       span int4range,
       place point,
       address inet,
       luck double precision not null default random(),
       constraint samples_pkey primary key (id),
       constraint samples__span exclude using gist (span with &&)
     );
     create index samples__word on samples (word text_pattern_ops);
     create index samples__words on samples using gin (words);
     create index samples__document on samples using gin (document jsonb_path_ops);
     create index samples__search on samples using gin (to_tsvector('english', word));
     create index samples__place on samples using spgist (place);
     create index samples__address on samples using gist (address inet_ops);
     create index samples__block on samples using brin (id int8_minmax_multi_ops);
     create index samples__hash on samples using hash (word);
     insert into samples (word, words, document, span, place, address)
     select 'word ' || n, array['a', n::text], jsonb_build_object('n', n), int4range(n, n + 1), point(n, n), '10.0.0.1'
     from generate_series(1, 500) as n;
     select tenancy.protect_schema('acme');
     create function same_word(text, text) returns boolean language sql immutable return $1 = $2;
     create operator === (leftarg = text, rightarg = text, function = same_word, restrict = eqsel, join = eqjoinsel);
     select tenancy.protect_schema('acme')`,
  );
  await world.asOwner('analyze acme.samples');
});
test.after.always(() => world?.close());

// Functions with an argument of the type "internal" are behind each of these: of aggregates,
// windows, indexes, estimates, text search, encodings, subscripts, and binary input and output.
const ORDINARY: readonly string[] = [
  `select array_agg(id), array_agg(words), string_agg(word, ','), json_agg(word), jsonb_agg(document) from samples`,
  `select jsonb_object_agg(word, id), json_object_agg(word, id), avg(id), sum(id), stddev(id), variance(id::numeric) from samples`,
  `select bool_and(id > 0), every(true), range_agg(span), mode() within group (order by word) from samples`,
  `select percentile_cont(0.5) within group (order by id), percentile_disc(array[0.1, 0.9]) within group (order by word) from samples`,
  `select rank(3) within group (order by id), cume_dist(3) within group (order by id), avg(interval '1 day') from samples`,
  `select row_number() over w, rank() over w, dense_rank() over w, ntile(4) over w, avg(id) over (order by id rows 3 preceding)
   from samples window w as (order by id)`,
  `select id from samples where word like 'word 1%' or word ilike '%9' or word ~ '^word 4' or word ~* 'WORD' or starts_with(word, 'w')`,
  `select id from samples where words @> array['a'] and words && array['7']`,
  `select id from samples where document @> '{"n": 4}' and document @? '$.n' and document['n'] = '4'`,
  `select ts_headline(word, q), ts_rank(to_tsvector('english', word), q) from samples, websearch_to_tsquery('english', 'word 7') as q
   where to_tsvector('english', word) @@ q`,
  `select id from samples where span && int4range(3, 6) order by place <-> point(1, 1) limit 3`,
  `select id from samples where address << inet '10.0.0.0/8' and address && inet '10.0.0.0/24'`,
  `select id from samples where place <@ box '((0,0),(3,3))'`,
  `select convert_to('é', 'LATIN1'), convert_from('\\xe9', 'LATIN1'), convert('\\xc3a9', 'UTF8', 'WIN1252')`,
  `select word from samples tablesample bernoulli (50) repeatable (1) union all select word from samples tablesample system (10)`,
  `select r.a from jsonb_to_recordset('[{"a": 1}]') as r (a integer)`,
  `select random(), gen_random_uuid(), luck from samples order by random() limit 1`,
  `select txid_current(), pg_current_xact_id()::text, pg_current_snapshot()::text`,
  `insert into samples (word, words) values ('new', '{}') returning luck`,
  `update samples set words[2] = 'x', document['m'] = '1' where word = 'new' returning id`,
  `select id from samples where word === 'new'`,
  `select distinct on (word) word collate "C", id from samples order by word collate "C", id desc`,
  `select s.id from samples as s join samples as o using (word) group by s.id having count(*) > 0 order by 1 limit 2`,
  `select unnest(words), generate_series(1, 3), generate_series(now(), now() + interval '2 days', '1 day') from samples limit 3`,
];

test('does not affect statements of applications', async (t) => {
  for (const text of ORDINARY) {
    await t.notThrowsAsync(
      withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: false }, (tx) => tx.any(raw(text))),
      text,
    );
  }
});

test('does not affect other client encodings and parallel workers', async (t) => {
  const client = await world.bare();
  await client.query('begin');
  await client.query(`set local role ${world.acme.role}`);
  for (const encoding of ['LATIN1', 'WIN1252', 'SJIS', 'UTF8']) {
    await client.query(`set local client_encoding = '${encoding}'`);
    t.deepEqual((await client.query(`select 'a'::text as a`)).rows, [{ a: 'a' }]);
  }
  await client.query(
    'set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0; set local min_parallel_table_scan_size = 0',
  );
  await t.notThrowsAsync(
    client.query(
      'select avg(n::numeric), array_agg(n), string_agg(n::text, $1) from generate_series(1, 9) as n',
      [','],
    ),
  );
  await client.query('commit');
});
