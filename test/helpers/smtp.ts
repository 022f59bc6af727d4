import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export type CaughtMail = Readonly<{ from: string; to: readonly string[]; raw: string }>;

/** A mail server on a free port of this machine that stores the received mails. */
export type SmtpCatcher = Readonly<{
  url: string;
  mails: CaughtMail[];
  /** Returns the mails to an address, oldest first. */
  to: (address: string) => CaughtMail[];
  close: () => Promise<void>;
}>;

/**
 * Starts a mail server. `refuse` returns a reply such as `550 No such user` for a recipient, or
 * null to accept it.
 */
export async function catchMail({
  refuse = () => null,
}: {
  refuse?: (address: string) => { code: number; message: string } | null;
} = {}): Promise<SmtpCatcher> {
  const mails: CaughtMail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    logger: false,
    onRcptTo: ({ address }, _session, callback) => {
      const rejection = refuse(address);
      callback(
        rejection ? Object.assign(new Error(rejection.message), { responseCode: rejection.code }) : undefined,
      );
    },
    onData: (stream, { envelope }, callback) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        mails.push({
          from: envelope.mailFrom ? envelope.mailFrom.address : '',
          to: envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString(),
        });
        callback();
      });
    },
  });
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  return {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    mails,
    to: (address) => mails.filter((mail) => mail.to.includes(address)),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Returns the unfolded header lines of a mail. */
export const headersOf = ({ raw }: CaughtMail): string[] =>
  (raw.split(/\r?\n\r?\n/)[0] ?? '').replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/);

/** Returns text and HTML of a mail, with quoted-printable decoded. */
export const bodyOf = ({ raw }: CaughtMail): string =>
  raw
    .replaceAll(/=\r?\n/g, '')
    .replaceAll(/(?:=[0-9A-F]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('=', ''), 'hex').toString());
