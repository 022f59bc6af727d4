import { createTransport } from 'nodemailer';

import { type MailTransport, Undeliverable } from './message.ts';

/** Milliseconds to wait for the server. Must be shorter than the lease of a mail, or it could be sent twice. */
const TIMEOUT_MS = 20_000;

type SmtpError = Error & { code?: string; responseCode?: number };

/** Creates a transport for SMTP: `smtp://user:password@host:587`, or `smtps://`. */
export function openSmtp(url: string): MailTransport {
  const transport = createTransport({
    url,
    pool: true,
    maxConnections: 2,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    // A message contains text only: no file or URL is loaded for it.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    send: async ({ to, from, subject, text, html }) => {
      try {
        await transport.sendMail({
          to: { name: '', address: to },
          from,
          subject,
          text,
          html,
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
      } catch (error) {
        const { code, responseCode = 0, message } = error as SmtpError;
        throw code === 'EENVELOPE' && responseCode >= 500
          ? new Undeliverable(message, { cause: error })
          : error;
      }
    },
    close: async () => transport.close(),
  };
}
