import type { ProofKey } from '../tenancy/context/keys.ts';
import { createProof } from '../tenancy/context/proof.ts';
import type { Arena } from './context.ts';

export type Ticket = readonly [tenant: string | null, expires: number | null, proof: string | null];

export const seconds = (): number => Math.floor(Date.now() / 1000);

export const ticketOf = (key: ProofKey, arena: Arena, now?: number): Ticket => {
  const { expires, text } = createProof(key, arena.globex.id, now);
  return [arena.globex.id, expires, text];
};

type TicketFacts = Readonly<{ id: string; title: string; ticket: (arena: Arena) => Ticket }>;

/** Every way to ask for globex at the door without a proof that is good for it. */
export const tickets: readonly TicketFacts[] = [
  {
    id: 'null',
    title: 'without a proof',
    ticket: ({ globex }) => [globex.id, seconds() + 60, null],
  },
  {
    id: 'empty',
    title: 'with an empty proof',
    ticket: ({ globex }) => [globex.id, seconds() + 60, ''],
  },
  {
    id: 'no-expiry',
    title: 'without an expiry',
    ticket: (arena) => [arena.globex.id, null, ticketOf(arena.keys[0], arena)[2]],
  },
  {
    id: 'nothing',
    title: 'with neither expiry nor proof',
    ticket: ({ globex }) => [globex.id, null, null],
  },
  {
    id: 'unknown-key',
    title: 'with the id of a key that is not there',
    ticket: ({ globex }) => [globex.id, seconds() + 60, `nobody.${'0'.repeat(64)}`],
  },
  {
    id: 'empty-key',
    title: 'with an empty key id',
    ticket: ({ globex }) => [globex.id, seconds() + 60, `.${'0'.repeat(64)}`],
  },
  {
    id: 'own-key',
    title: 'with a proof made with a key of its own',
    ticket: (arena) => ticketOf({ id: arena.keys[0].id, secret: Buffer.alloc(32, 7) }, arena),
  },
  {
    id: 'database-key',
    title: "with a proof under the id of the database's own key",
    ticket: (arena) => ticketOf({ id: 'own', secret: arena.keys[0].secret }, arena),
  },
  {
    id: 'other-tenant',
    title: 'with the proof of another tenant',
    ticket: (arena) => {
      const { expires, text } = createProof(arena.keys[0], arena.acme.id);
      return [arena.globex.id, expires, text];
    },
  },
  {
    id: 'put-off',
    title: 'with a proof whose expiry was put off',
    ticket: (arena) => {
      const [tenant, expires, proof] = ticketOf(arena.keys[0], arena);
      return [tenant, (expires ?? 0) + 1, proof];
    },
  },
  {
    id: 'cut',
    title: 'with a proof without its last digit',
    ticket: (arena) => {
      const [tenant, expires, proof] = ticketOf(arena.keys[0], arena);
      return [tenant, expires, proof?.slice(0, -1) ?? null];
    },
  },
  {
    id: 'key-id-only',
    title: 'with only the key id of a proof',
    ticket: (arena) => [arena.globex.id, seconds() + 60, arena.keys[0].id],
  },
  {
    id: 'expired',
    title: 'with a proof that has expired',
    ticket: (arena) => ticketOf(arena.keys[0], arena, Date.now() - 61_000),
  },
  {
    id: 'long-lived',
    title: 'with a proof that is good for longer than two minutes',
    ticket: (arena) => ticketOf(arena.keys[0], arena, Date.now() + 120_000),
  },
];
