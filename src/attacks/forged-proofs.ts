import type { ProofKey } from '../tenancy/context/keys.ts';
import { createProof } from '../tenancy/context/proof.ts';
import type { AttackContext } from './context.ts';

export type EntryArguments = readonly [tenant: string | null, expires: number | null, proof: string | null];

export const seconds = (): number => Math.floor(Date.now() / 1000);

export const validEntry = (key: ProofKey, context: AttackContext, now?: number): EntryArguments => {
  const { expires, text } = createProof(key, context.globex.id, now);
  return [context.globex.id, expires, text];
};

type ForgedProof = Readonly<{ id: string; title: string; entry: (context: AttackContext) => EntryArguments }>;

/** All kinds of invalid proofs for entering globex. */
export const forgedProofs: readonly ForgedProof[] = [
  {
    id: 'null',
    title: 'without a proof',
    entry: ({ globex }) => [globex.id, seconds() + 60, null],
  },
  {
    id: 'empty',
    title: 'with an empty proof',
    entry: ({ globex }) => [globex.id, seconds() + 60, ''],
  },
  {
    id: 'no-expiry',
    title: 'without an expiry',
    entry: (context) => [context.globex.id, null, validEntry(context.keys[0], context)[2]],
  },
  {
    id: 'nothing',
    title: 'with neither expiry nor proof',
    entry: ({ globex }) => [globex.id, null, null],
  },
  {
    id: 'unknown-key',
    title: 'with the id of an unknown key',
    entry: ({ globex }) => [globex.id, seconds() + 60, `nobody.${'0'.repeat(64)}`],
  },
  {
    id: 'empty-key',
    title: 'with an empty key id',
    entry: ({ globex }) => [globex.id, seconds() + 60, `.${'0'.repeat(64)}`],
  },
  {
    id: 'own-key',
    title: 'with a proof from a key of its own',
    entry: (context) => validEntry({ id: context.keys[0].id, secret: Buffer.alloc(32, 7) }, context),
  },
  {
    id: 'database-key',
    title: "with a proof under the id of the database's own key",
    entry: (context) => validEntry({ id: 'own', secret: context.keys[0].secret }, context),
  },
  {
    id: 'other-tenant',
    title: 'with the proof of another tenant',
    entry: (context) => {
      const { expires, text } = createProof(context.keys[0], context.acme.id);
      return [context.globex.id, expires, text];
    },
  },
  {
    id: 'later-expiry',
    title: 'with a proof and a later expiry',
    entry: (context) => {
      const [tenant, expires, proof] = validEntry(context.keys[0], context);
      return [tenant, (expires ?? 0) + 1, proof];
    },
  },
  {
    id: 'cut',
    title: 'with a truncated proof',
    entry: (context) => {
      const [tenant, expires, proof] = validEntry(context.keys[0], context);
      return [tenant, expires, proof?.slice(0, -1) ?? null];
    },
  },
  {
    id: 'key-id-only',
    title: 'with only the key id of a proof',
    entry: (context) => [context.globex.id, seconds() + 60, context.keys[0].id],
  },
  {
    id: 'expired',
    title: 'with an expired proof',
    entry: (context) => validEntry(context.keys[0], context, Date.now() - 61_000),
  },
  {
    id: 'long-lived',
    title: 'with a proof that is valid for more than two minutes',
    entry: (context) => validEntry(context.keys[0], context, Date.now() + 120_000),
  },
];
