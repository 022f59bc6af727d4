import { createTransport } from 'nodemailer';

import type { AppDiagnosis } from '../../definition/app-commands.ts';
import type { AccountEnvironment } from './settings.ts';

/** Milliseconds to wait for a mail server. */
const TIMEOUT_MS = 3_000;

async function describeSmtp(url: string): Promise<string> {
  const transport = createTransport({
    url,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
  });
  try {
    await transport.verify();
    return 'accepts mail; no mail was sent';
  } finally {
    transport.close();
  }
}

export async function diagnose({
  SMTP_URL,
  BASE_DOMAIN,
}: AccountEnvironment & Readonly<{ BASE_DOMAIN: string }>): Promise<AppDiagnosis> {
  return {
    probes: SMTP_URL ? [{ what: 'SMTP_URL', find: () => describeSmtp(SMTP_URL) }] : [],
    advice:
      BASE_DOMAIN !== 'localhost' && !SMTP_URL
        ? ['SMTP_URL is not set: mail stays in the outbox, including activation and reset links.']
        : [],
  };
}
