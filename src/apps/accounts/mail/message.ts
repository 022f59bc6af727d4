/** One mail, as a transport sends it. */
export type Message = Readonly<{
  kind: string;
  to: string;
  from: Readonly<{ name: string; address: string }>;
  subject: string;
  text: string;
  html: string;
  /** The link that the recipient should follow, or null. A secret. */
  link: string | null;
}>;

/** A permanent failure: the mail is rejected on every attempt. */
export class Undeliverable extends Error {
  override readonly name = 'Undeliverable';
}

export type MailTransport = Readonly<{
  /** @throws Undeliverable for a permanent failure, any other error for a temporary one */
  send: (message: Message) => Promise<void>;
  close: () => Promise<void>;
}>;
