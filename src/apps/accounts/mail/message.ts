import type { Mail } from '../../../definition/owners.ts';

/** A permanent failure: the mail is rejected on every attempt. */
export class Undeliverable extends Error {
  override readonly name = 'Undeliverable';
}

export type MailTransport = Readonly<{
  /** @throws Undeliverable for a permanent failure, any other error for a temporary one */
  send: (message: Mail) => Promise<void>;
  close: () => Promise<void>;
}>;
