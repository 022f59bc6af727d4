import { rewrite, swap } from '../walls.ts';
import type { Switch } from './record.ts';

const REQUEST = 'tenancy.request_operation(text, bigint, text)';

const FUNCTIONS = [
  'request_operation',
  'list_operations',
  'list_tenants',
  'show_tenant',
  'list_audit_events',
].map((name) => `tenancy.${name}(text, bigint, text)`);

/** Switches of the walls around operations and the audit. */
export const operationSwitches: readonly Switch[] = [
  {
    id: 'operator-granted',
    name: 'PUBLIC may execute the functions of operators',
    wall: 'operator-rights',
    disable: (world) =>
      swap(
        world,
        [`grant execute on function ${FUNCTIONS.join(', ')} to public`],
        [`revoke execute on function ${FUNCTIONS.join(', ')} from public`],
      ),
  },
  {
    id: 'operator-unproved',
    name: 'the proof of an operator is not checked',
    wall: 'operator-proof',
    disable: (world) =>
      rewrite(
        world,
        'tenancy.require_proof(text, bigint, text)',
        /\) is not true then/,
        ') is not true and false then',
      ),
  },
  {
    id: 'seal-unchecked',
    name: 'the seal of an operation is not checked',
    wall: 'seal',
    disable: (world) => rewrite(world, REQUEST, ') is not true then', ') is not true and false then'),
  },
  {
    id: 'operation-id-ignored',
    name: 'the id of an operation is not recorded',
    wall: 'operation-once',
    disable: (world) => rewrite(world, REQUEST, `(v_operation ->> 'id')::uuid,`, 'gen_random_uuid(),'),
  },
  {
    id: 'audit-changeable',
    name: 'the audit has no trigger',
    wall: 'append-only',
    disable: (world) =>
      swap(
        world,
        ['alter table tenancy.audit_events disable trigger audit_events__append_only'],
        ['alter table tenancy.audit_events enable always trigger audit_events__append_only'],
      ),
  },
  {
    id: 'events-of-all',
    name: 'the events of a tenant are not selected by the context',
    wall: 'own-events',
    disable: (world) =>
      rewrite(
        world,
        'tenancy.own_audit_events(uuid, integer)',
        'where t.role_name = tenancy.current_tenant()',
        'where true',
      ),
  },
];
