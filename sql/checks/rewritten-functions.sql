-- rewritten-functions.sql: functions of schema tenancy that differ from those of this release.
--
-- A row is a function that was replaced or dropped, or is not part of the release: for
-- example, a replaced enter without a proof would pass every other check. Compares language,
-- body, arguments, result, rights and settings. The expected digests are in this file and
-- never in the database. The two functions of the context mode must both belong to the same
-- mode.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/rewritten-functions.sql

with shipped (identity, context_mode, digest) as (
  values
    -- Made by scripts/shipped-functions.ts.
    (
      'tenancy.announce_change()', null,
      'cae67f541141bdc4c4829297847557b13507c662adaa6601fded65e988ddd2df'
    ),
    (
      'tenancy.carry(text)', 'guarded',
      'e689d69176ecdb506939129e6d3a6c9ef45105e23b21f1fa80d1dd4d549507e7'
    ),
    (
      'tenancy.carry(text)', 'signed',
      '8c4342b90a0cdf01c3841471e36461a50e4431d384bbf8eabe94372dc1dfc386'
    ),
    (
      'tenancy.current_tenant()', 'guarded',
      '9a819e129bcb276f7df741147100756f08bf09b539dc42e7ffaf2f4aa1017219'
    ),
    (
      'tenancy.current_tenant()', 'signed',
      'eb39d99d2ddb5ed76aacaf7f889034097eb96ac7e4873e98edebdd14a1f08c4c'
    ),
    (
      'tenancy.database_of(uuid)', null,
      '74c39c4c5e900ccf1ae7c8108077e5e710c7d8e96e5a83e17cf8e165f594d003'
    ),
    (
      'tenancy.enter(uuid, bigint, text)', null,
      '55b0f5cee766047292039089162d1488d804a067e13e169fef39bf3120ebd0fe'
    ),
    (
      'tenancy.enter_owner(text)', null,
      '62b6b1b35b103de6adafd8d0d38582f7fa87b6c5db06632ad0c029bf01fb1abf'
    ),
    (
      'tenancy.figures(text, integer, text, integer, text[])', null,
      '8458042ed9e8ce7c9d92edac01cab5b059b69b71d93429755670113bab838abc'
    ),
    (
      'tenancy.find_due(text, integer)', null,
      '653f25fc4db3c7ace7ddc9c2e058bf6b1526f14f5e058744ffde115fd67f2bca'
    ),
    (
      'tenancy.global_migrations()', null,
      '4b5e2751be154c05e8cec2a0991a3296230726ba4fa71a4f9ccefa6bc72a48ef'
    ),
    (
      'tenancy.install_key(text, text, bytea)', null,
      '09048a6747a4006a71144086b907f28b2b24e57d363adf251ac7429d803a40cb'
    ),
    (
      'tenancy.is_working(integer)', null,
      'b647470c45d6b10b12a6fb5b7ed72e632ef5de97bb87744d705d4252b42e7e85'
    ),
    (
      'tenancy.mac(text, text, text)', null,
      '2a4da68cb891ebef341bf042d89840e54928afb62464aef87e958d9d272a46ca'
    ),
    (
      'tenancy.mark_due(text)', null,
      '9ee5d001bfb18a4954e4b152dc4d06d4ec3046759158b14f2fc37efb064d9f9f'
    ),
    (
      'tenancy.my_domains()', null,
      '889d3a550dae6d20e83d78ef80503d27ad6895a43c28777e5180378a86267dd8'
    ),
    (
      'tenancy.my_tenant()', null,
      'bc2410c51e8a76fd5c92e06623adbc01db8426e0a76aba2c50043e1ae4b3a41c'
    ),
    (
      'tenancy.pad(bytea, integer)', null,
      'afc38303fa3741dca7dfc2736bed8cf88bc1e8670547788ef0baac4e35f5c53b'
    ),
    (
      'tenancy.protect_global()', null,
      '141f58ccff84f8519eee9259b21d91104fbc29b888d12eac88b406ba9a4d936a'
    ),
    (
      'tenancy.protect_global_table(oid)', null,
      '0a0a401997d1bd7704c952dc5662bf1b413b5fa41d12342c0c85b1a420953e6a'
    ),
    (
      'tenancy.protect_schema(text)', null,
      '89d103816e9ae5c70ff36982ce758b4b244a9526968bed4bd0a99d1ec839cc93'
    ),
    (
      'tenancy.read_copy(uuid)', null,
      'ad2e5b1e3864bc1cb8725cc7b8044f678982ec3110907a879e08ae011a8e02da'
    ),
    (
      'tenancy.require_primary_domain()', null,
      '08b77b372809b4a93a81b2255dd2580d34cb10c150841736a4f9c5c865e399ba'
    ),
    (
      'tenancy.require_proof(text, bigint, text)', null,
      'cf4fc17fe0397507d2911eec1cd0683f50a5759672e2a512982249dfa56017f4'
    ),
    (
      'tenancy.resolve_host(text)', null,
      'c718f18ee89d9f657453fe92538c7b86dc5f6d236dc5ee3b77f3429907493576'
    ),
    (
      'tenancy.settle_due(text, timestamp with time zone, timestamp with time zone)', null,
      '26c5c1a5c61210148dc29067cca642ff0809d04de221fd4cea66b10316f39330'
    ),
    (
      'tenancy.shared_migrations()', null,
      'dffea1b67827f79844edee642c1b45637fbb971acc912bb252271a8a2e8b86f2'
    ),
    (
      'tenancy.take_copy(text, bigint, text)', null,
      '052878673bc6b4e80a558e9def8fa8a64bee686b5b992f12c8a720446a902489'
    ),
    (
      'tenancy.tell_copy(uuid, bigint, text)', null,
      '99a54cc8d7f7b475764ebebbd7f2aa36ea04d3ee5de343cf4bce11bb61cc6ba6'
    ),
    (
      'tenancy.version()', null,
      '4828daae6b725f2a058cd8a666ec5c16e35ccd19e62de99355550ebc66aecab4'
    ),
    (
      'tenancy.write_copy(jsonb)', null,
      '454cb4de6c42ec91ad16dbaee20156db30a493c9527c1f564501351c72469220'
    )
),
found as (
  select
    format('tenancy.%I(%s)', p.proname, oidvectortypes(p.proargtypes)) as identity,
    p.proowner as owner,
    encode(
      sha256(
        convert_to(
          jsonb_build_array(
            l.lanname,
            p.prokind,
            p.prosecdef,
            p.proleakproof,
            p.proisstrict,
            p.proretset,
            p.provolatile,
            p.proparallel,
            p.procost,
            p.prorows,
            p.prosupport::oid = 0,
            p.proconfig,
            pg_get_function_arguments(p.oid),
            pg_get_function_result(p.oid),
            p.prosrc,
            p.probin,
            pg_get_function_sqlbody(p.oid),
            -- A body that is bound at creation depends on the names at that time.
            p.prosqlbody is not null
              and exists (
                select
                from pg_catalog.pg_depend as d
                where d.classid = 'pg_catalog.pg_proc'::regclass
                  and d.objid = p.oid
                  and d.deptype = 'n'
                  and d.refclassid not in (
                    'pg_catalog.pg_namespace'::regclass, 'pg_catalog.pg_language'::regclass
                  )
              )
          )::text,
          'UTF8'
        )
      ),
      'hex'
    ) as digest
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  join pg_catalog.pg_language as l on l.oid = p.prolang
  where n.nspname = 'tenancy'
),
in_force as (
  select s.context_mode
  from shipped as s
  join found as f on f.identity = s.identity and f.digest = s.digest
  where s.identity = 'tenancy.current_tenant()'
),
wanted as (
  select distinct s.identity
  from shipped as s
),
judged as (
  select
    coalesce(f.identity, w.identity) as identity,
    w.identity is null as strange,
    f.identity is null as missing,
    exists (
      select
      from shipped as s
      where s.identity = f.identity
        and s.digest = f.digest
        and coalesce(s.context_mode = (select i.context_mode from in_force as i), true)
    ) as is_shipped,
    f.owner
  from found as f
  full join wanted as w on w.identity = f.identity
)
select
  format('function %s', j.identity) as object,
  o.fault,
  o.remedy
from judged as j
cross join lateral (
  values
    (
      j.strange,
      'stands in schema tenancy, and this release has none of that name and arguments',
      format('drop routine %s', j.identity)
    ),
    (j.missing, 'is gone', 'tenants migrate --reinstall'),
    (
      not j.strange and not j.missing and not j.is_shipped,
      'is another than that of this release',
      'tenants migrate --reinstall'
    ),
    (
      not j.strange and not j.missing and j.owner <> 'tenancy_owner'::regrole,
      format('belongs to %s and not to tenancy_owner', j.owner::regrole),
      format('alter routine %s owner to tenancy_owner', j.identity)
    )
) as o (is_so, fault, remedy)
where o.is_so
order by object, fault;
