/** One mail, as a transport sends it. */
export type Message = Readonly<{
  kind: string;
  to: string;
  from: Readonly<{ name: string; address: string }>;
  subject: string;
  text: string;
  html: string;
  /** What the reader is asked to follow, or null. A secret. */
  link: string | null;
}>;

/** A mail that will not be taken however often it is sent. */
export class Undeliverable extends Error {
  override readonly name = 'Undeliverable';
}

export type MailTransport = Readonly<{
  /** @throws Undeliverable, or any other error for what may go better later */
  send: (message: Message) => Promise<void>;
  close: () => Promise<void>;
}>;
