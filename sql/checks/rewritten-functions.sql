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
      'tenancy.add_events(jsonb)', null,
      '589a85ba6f87f3c678a09c5c0536db64aa1aa11a8ab803c75ebe8e2bd4fa6aa3'
    ),
    (
      'tenancy.audit_domain()', null,
      '1ecd5ff2083eb0371254b948e9d3fb2bb0c771fc2c28f24562c84a1de4e3984b'
    ),
    (
      'tenancy.audit_payment()', null,
      '577c6ec0bfd20662b955b44e8f1bab4a3515c21ae4246da21043c016274dfaf6'
    ),
    (
      'tenancy.audit_state()', null,
      'f00098be47c5f29ae336804a5b94a9b94fe92e30ca4d0b9ab5ad60848f18da21'
    ),
    (
      'tenancy.audit_subscription()', null,
      '29b15fe8539678447564c554342d17b237fde1756430e7357ae45adf573780b4'
    ),
    (
      'tenancy.audit_tenant()', null,
      '76afc094c9a2bd9d3303d2dbfd69424dab76e59ed2dfe3e2d6b99c26d80c34e7'
    ),
    (
      'tenancy.audited_tenant(jsonb)', null,
      '94f35894c960cbc75c7b0b40e4d3e24e84c881e2e0a99f19e086f75a33ae1452'
    ),
    (
      'tenancy.cancel_operation(text, bigint, text)', null,
      '58b92e3c4cdb090534be791d76b8fd6cb7ab8ff4241e99a882191046b131205b'
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
      'tenancy.describe_operation(jsonb)', null,
      '757bfc0dc609c10cac6327e53231aae4ec8e8604d0e86eff4206e5caeb197d9b'
    ),
    (
      'tenancy.enter(uuid, bigint, text)', null,
      '64600d33b6b61390220588bb5b8c021c9a65818e93dff3ce82bce92deb3022ee'
    ),
    (
      'tenancy.enter_owner(text)', null,
      '64a6cf92895d7dc93a091621c82e313783f80f3dfceb085489edc45705bbf000'
    ),
    (
      'tenancy.events_for(text, jsonb)', null,
      '3783ebbdd39ddd9dbb422d930f5634386720b4d5215eadcbe3d457d2c8a93eeb'
    ),
    (
      'tenancy.events_of_tenants(timestamp with time zone)', null,
      '8cdc299f9e6b5ea7e58d1467caab5f617f82279a169c3ec5ad82a04d506475c7'
    ),
    (
      'tenancy.export_copy(uuid, bigint, text)', null,
      '9186c0f46563d9d802afbb39b7dfbcbc6ea0035ee4120d386d6d591904480b63'
    ),
    (
      'tenancy.find_due(text, integer)', null,
      '653f25fc4db3c7ace7ddc9c2e058bf6b1526f14f5e058744ffde115fd67f2bca'
    ),
    (
      'tenancy.find_operation(text, bigint, text)', null,
      '411cea406081bb9dc79d1ccc7422a51a98b9ec7c31bd003917a4d22abd889044'
    ),
    (
      'tenancy.fleet_check()', null,
      'f694078c6fd02eac4787e259e0114911a7bca351a05a19d665c96a4b72eda09a'
    ),
    (
      'tenancy.fleet_overview(text, bigint, text)', null,
      'e8943832715c13addf350427b8e48a9ace08d42669a9baa86ea1d696f455b7db'
    ),
    (
      'tenancy.global_migrations()', null,
      '4b5e2751be154c05e8cec2a0991a3296230726ba4fa71a4f9ccefa6bc72a48ef'
    ),
    (
      'tenancy.import_copy(text, bigint, text)', null,
      'cac725735dad4afb6f57c4271c2c4095369ceaf26f3ba13e53725324e56f51fe'
    ),
    (
      'tenancy.install_key(text, text, bytea)', null,
      '09048a6747a4006a71144086b907f28b2b24e57d363adf251ac7429d803a40cb'
    ),
    (
      'tenancy.is_audited_here()', null,
      '8fbed2a5689cdedb9192c49ba248e70debb73036d4df104e4cd98bd19333887f'
    ),
    (
      'tenancy.is_in_transaction(integer)', null,
      'b647470c45d6b10b12a6fb5b7ed72e632ef5de97bb87744d705d4252b42e7e85'
    ),
    (
      'tenancy.lane_login(text)', null,
      '72ac1f9bdda2b977c6b20c2f50ca063d85b96df2bc3961f204157e9868888955'
    ),
    (
      'tenancy.lane_of(uuid)', null,
      'fcbda1abe236a37e00d8ec79e4e4fc118f2b2f09176633f184e55446ca1eb01b'
    ),
    (
      'tenancy.last_event_from(text)', null,
      '5cbea6385b1e1d4179015b7263a0012b250210c7755f99fbf4bd9fb2f271f5aa'
    ),
    (
      'tenancy.limit_rows()', null,
      'e3abc9e442c7961f64f63d2cd092c3de622adca7794e6807b453f3f575dee4dd'
    ),
    (
      'tenancy.list_audit_events(text, bigint, text)', null,
      '43231165f8c18f54a6895b083a5c8133a0129b18c3b897760b5a77fffbfc0bf0'
    ),
    (
      'tenancy.list_dumps(text, bigint, text)', null,
      'a83c718b2646094073fdfe603e164958c7d68c521833eb7e3e5622f5b4c184d8'
    ),
    (
      'tenancy.list_lanes()', null,
      '2e0630fdf1e0f47f0d3ef5443d6f5883f7fbd3423bb0ec9f9e7ebc948bc3d132'
    ),
    (
      'tenancy.list_operations(text, bigint, text)', null,
      '89354600605f704d26c111a85da70b198af9e9f6d6bb5ef3ffba4196e54b95cf'
    ),
    (
      'tenancy.list_tenants(text, bigint, text)', null,
      '09bf43603e0e04fd2e67d7f1b32cf16386236c0f1bc7b3c2a846f2aba0aae70f'
    ),
    (
      'tenancy.lock_limit(text)', null,
      'd1e25d3ea3ebf4cb19a2edb6b785136336ab327350f17d93759f642ef0c312a2'
    ),
    (
      'tenancy.login_of(uuid, integer)', null,
      '191579c919dc2fd0040dbe805c28e4df3ec692b59ccee8ba0bafb86892a3ddfd'
    ),
    (
      'tenancy.mac(text, text, text)', null,
      '2a4da68cb891ebef341bf042d89840e54928afb62464aef87e958d9d272a46ca'
    ),
    (
      'tenancy.mark_due(text)', null,
      '7e3b31b096471ccc21fbbe7dcdc0f9d397884bc3d5538e95c731bd6483b82da0'
    ),
    (
      'tenancy.my_domain_records()', null,
      'cd9318ce0dbc88e08fbc012d43f9f172d784243657c2eb9f9d9a928bda2bc41c'
    ),
    (
      'tenancy.my_domains()', null,
      '889d3a550dae6d20e83d78ef80503d27ad6895a43c28777e5180378a86267dd8'
    ),
    (
      'tenancy.my_subscription()', null,
      '3c899e0e5bff863b97acd793f00fdb7bc1eb2158827c6894b7a8bfa59fe913ab'
    ),
    (
      'tenancy.my_tenant()', null,
      'bc2410c51e8a76fd5c92e06623adbc01db8426e0a76aba2c50043e1ae4b3a41c'
    ),
    (
      'tenancy.new_event_id()', null,
      '86fa34b88d7551e1b11abf9c72e92a77635703a7a179c43a021a2394427e1dc8'
    ),
    (
      'tenancy.newest_payments(uuid)', null,
      '1e6d9a401033ba4ec2ac500d19798e9bb746c2e908b0418bc460770267688d09'
    ),
    (
      'tenancy.notify_change()', null,
      '4ad357672c6d1490a0d1bbdd1f280ab1296d5dd0e123b55a5aa91f43ec27f337'
    ),
    (
      'tenancy.own_audit_events(uuid, integer)', null,
      '9b4ad33040efd3ede354e2d052a1c9d0713dd5ba7c1518b532559d0d997979ef'
    ),
    (
      'tenancy.pad(bytea, integer)', null,
      'afc38303fa3741dca7dfc2736bed8cf88bc1e8670547788ef0baac4e35f5c53b'
    ),
    (
      'tenancy.protect_global()', null,
      '99c76caf1dac98ac6bfb6900fb1538a7f491b697b26d15fdf607fc0d4126bc2c'
    ),
    (
      'tenancy.protect_global_table(oid)', null,
      'ab4dfc1de657aa61cfe3d47c9a007eee92cf2add1e79f515f1263833aa4dec18'
    ),
    (
      'tenancy.protect_schema(text)', null,
      '4cc51dbb71552256322c625f629db928b94baf6206619fc3d9946d0f9f9f16a2'
    ),
    (
      'tenancy.read_audit(jsonb)', null,
      'b3d087bee3e7e8ae96f39d3424e60ebe975224c728158dd55e5dbc280737424e'
    ),
    (
      'tenancy.read_copy(uuid)', null,
      '48e7e578d736da444c47d8a5773f8d679cb864f9be4bdf568f0ccd0a590131c2'
    ),
    (
      'tenancy.record_event(text, uuid, text, jsonb, jsonb)', null,
      '712ca7ad254e9c26bc4207255763e15917af189b7e8ae764a3944d3823db0f17'
    ),
    (
      'tenancy.record_event_of(text, text, text, text, text, uuid, jsonb, jsonb)', null,
      'df8b2e4d1d448d55ebf5a2a806d56866f928ce4bc5993ced191141228b944191'
    ),
    (
      'tenancy.record_fleet_check(text, bigint, text)', null,
      '7041a660e3ad3081db271781767aa36934f47e896874d681d7e2d2587f4d7022'
    ),
    (
      'tenancy.record_operation_end(uuid, text, uuid, text, jsonb, boolean)', null,
      'cb6b77eb9f78469ea3e0f46e3c94d352b6438e93dad181ddf7b42222aac90ab4'
    ),
    (
      'tenancy.record_operator_event(text, bigint, text)', null,
      '6a497b730f22dad21b7ce5c6f191728adc0e2b1bd769d001c78bf6f21635f6cd'
    ),
    (
      'tenancy.record_own_event(text, jsonb, jsonb, text, text)', null,
      '4cfc43bf8f945ae759f5dbab60941f93bace92ebb421b3ec1e2bf6404eb4c058'
    ),
    (
      'tenancy.reject(text)', null,
      'dc2dad38d96db26a33f873934450f8f25deafadceff0c78c74273a078002c812'
    ),
    (
      'tenancy.reject_audit_change()', null,
      'ff2b9234111f9efb8146c5cbf383b4118e27e73fd6d71a2c28b3ebedca16320c'
    ),
    (
      'tenancy.reject_second_tenant()', null,
      '6a5b7f4e2c40a7d5e2a7988c360643c1c907c768b3736ea304c0f4cf8b08cb5c'
    ),
    (
      'tenancy.request_operation(text, bigint, text)', null,
      '0d5e083b90055b7363efb22ad2de9734dcb7c2fd323c024360e6df07b7f7af34'
    ),
    (
      'tenancy.require(boolean, text)', null,
      '275ab644f763ef0f7a10390abb8c90a83a07f08d63325ed357520d97b75cce8f'
    ),
    (
      'tenancy.require_operator(text, text, bigint, text)', null,
      '5354052292dadd993ce09b48fde7d7baf09aad6baec92c15deb4364fbf97c25b'
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
      'tenancy.reschedule_due(text, timestamp with time zone, timestamp with time zone)', null,
      '26c5c1a5c61210148dc29067cca642ff0809d04de221fd4cea66b10316f39330'
    ),
    (
      'tenancy.resolve_host(text)', null,
      'c718f18ee89d9f657453fe92538c7b86dc5f6d236dc5ee3b77f3429907493576'
    ),
    (
      'tenancy.retry_operation(text, bigint, text)', null,
      '92fa09814666726a939acb1cd8e94fce613b7d21efcd8f83d54f15b33b1c0399'
    ),
    (
      'tenancy.schema_sizes(text[])', null,
      '78550b2e45b75a37d2e25535400f79229b025cbdec380aff3b600cedfd6f6cd2'
    ),
    (
      'tenancy.set_context(text)', 'guarded',
      'd1d591fc4a93c036b791b35a0463806983bb9bdc470779884bc3492e2e522929'
    ),
    (
      'tenancy.set_context(text)', 'signed',
      '8ad1244c457214204cd212dbf41a1299ec760bb90f7e00a7e729e49afe3d9a8a'
    ),
    (
      'tenancy.shared_migrations()', null,
      'dffea1b67827f79844edee642c1b45637fbb971acc912bb252271a8a2e8b86f2'
    ),
    (
      'tenancy.show_tenant(text, bigint, text)', null,
      'de9ee38cb3fc2845d6e7d786150da892c5b1cafd78ffd1dc9de7c17c5c82b5f4'
    ),
    (
      'tenancy.statistics(text, integer, text, integer, text[])', null,
      '8458042ed9e8ce7c9d92edac01cab5b059b69b71d93429755670113bab838abc'
    ),
    (
      'tenancy.stored_pages(text)', null,
      'b131f820a734a6e5ffc1ef60b20afb966b40943497e1ec933a74820791e0de4e'
    ),
    (
      'tenancy.tenant_items(text, integer)', null,
      '7e2a0c4d99d6d10ea65ccc213cf1faef6dda4577d7a95b5842b3589ee52c176a'
    ),
    (
      'tenancy.version()', null,
      '4828daae6b725f2a058cd8a666ec5c16e35ccd19e62de99355550ebc66aecab4'
    ),
    (
      'tenancy.write_copy(jsonb)', null,
      'c73d2fc3ff88fde77a0b34491a6d1748f5b61b35750a66b5f6404c62997461e2'
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
expected as (
  select distinct s.identity
  from shipped as s
),
evaluated as (
  select
    coalesce(f.identity, w.identity) as identity,
    w.identity is null as is_unexpected,
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
  full join expected as w on w.identity = f.identity
)
select
  format('function %s', j.identity) as object,
  o.fault,
  o.remedy
from evaluated as j
cross join lateral (
  values
    (
      j.is_unexpected,
      'is in schema tenancy but not part of this release',
      format('alter routine %s set schema public', j.identity)
    ),
    (j.missing, 'is missing', 'tenants migrate --reinstall'),
    (
      not j.is_unexpected and not j.missing and not j.is_shipped,
      'differs from that of this release',
      'tenants migrate --reinstall'
    ),
    (
      not j.is_unexpected and not j.missing and j.owner <> 'tenancy_owner'::regrole,
      format('belongs to %s and not to tenancy_owner', j.owner::regrole),
      format('alter routine %s owner to tenancy_owner', j.identity)
    )
) as o (is_so, fault, remedy)
where o.is_so
order by object, fault;
