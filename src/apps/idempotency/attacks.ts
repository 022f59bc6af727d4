import { CANARY } from '../../attacks/context.ts';
import { sqlAttack } from '../../attacks/record.ts';

const plant = `
  insert into idempotency_keys (user_id, key, fingerprint, status, body)
  values ('1', 'canary', sha256('canary'), 201, '${CANARY} response')
  on conflict do nothing`;

/** The rows of globex have the key, the user and the request of acme's guess. */
export const attacks = [
  sqlAttack({
    id: 'idempotency-read',
    name: "a tenant cannot read another's stored responses",
    controls: 'one statement',
    walls: ['role', 'policy'],
    plant,
    texts: 'select body from globex.idempotency_keys',
  }),
  sqlAttack({
    id: 'idempotency-claim',
    name: "a tenant cannot replay another's response by claiming its key",
    controls: 'one statement',
    walls: ['path', 'role', 'policy'],
    plant,
    texts: `select body from claim_idempotency_key('1', 'canary', sha256('canary'), interval '1 day', 10)`,
  }),
  sqlAttack({
    id: 'idempotency-function',
    name: "a tenant cannot claim a key with another tenant's function",
    controls: 'one statement',
    walls: ['role', 'policy'],
    plant,
    texts: `select body from globex.claim_idempotency_key('1', 'canary', sha256('canary'), interval '1 day', 10)`,
  }),
];
