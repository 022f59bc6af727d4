import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import type { Mail } from '../../../definition/owners.ts';
import type { MailTransport } from './message.ts';

export type WrittenMail = Pick<Mail, 'to' | 'subject' | 'link'> & Readonly<{ file: string }>;

const asText = ({ to, from, subject, text }: Mail): string =>
  `To: ${to}\nFrom: ${from.name} <${from.address}>\nSubject: ${subject}\n\n${text}`;

/**
 * Creates a transport that writes every mail into `folder` instead of sending it, as text and as
 * HTML, for development. `onWritten` is called with each mail.
 */
export function openFolder(folder: string, onWritten: (mail: WrittenMail) => void): MailTransport {
  let count = 0;
  return {
    send: async (message) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      count += 1;
      const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
      const to = message.to.replaceAll(/[^\w@.+-]/g, '_');
      const file = path.join(folder, `${stamp}-${count}-${message.kind}-${to}`.slice(0, 200));
      await writeFile(`${file}.html`, message.html, { mode: 0o600 });
      await writeFile(`${file}.txt`, asText(message), { mode: 0o600 });
      const { to: address, subject, link } = message;
      onWritten({ to: address, subject, link, file: `${file}.txt` });
    },
    close: async () => {},
  };
}
