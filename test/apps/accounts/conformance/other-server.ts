import type { Settings } from './case.ts';
import { type Login, readMails, sendTo, type Target } from './target.ts';

/** `name:password` or `name:password:address`. */
function loginOf(text: string | undefined): Login | null {
  const [name, password, email] = text?.split(':') ?? [];
  return name && password ? { name, password, email: email ?? `${name}@example.com` } : null;
}

/** Returns the settings as text. Equal settings have the same text. */
export function effective(settings: Settings, standard: Settings): string {
  const all = { ...standard, ...settings };
  return JSON.stringify(
    Object.entries(all)
      // Without rotation there is no token to blacklist.
      .filter(([name]) => name !== 'BLACKLIST_AFTER_ROTATION' || all.ROTATE_REFRESH_TOKENS)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Returns the server of CONFORMANCE_URL. It runs only the cases for its settings. */
export function otherServer(
  environment: Readonly<Record<string, string | undefined>>,
  standard: Settings,
): Target {
  const folder = environment.CONFORMANCE_MAIL_DIR;
  const server = {
    send: sendTo(environment.CONFORMANCE_URL ?? '', environment.CONFORMANCE_HOST ?? null),
    mails: folder ? () => readMails(folder) : null,
    staff: loginOf(environment.CONFORMANCE_STAFF),
    superuser: loginOf(environment.CONFORMANCE_SUPERUSER),
  };
  const has = effective(JSON.parse(environment.CONFORMANCE_SETTINGS ?? '{}'), standard);
  return {
    serverFor: (settings) => (effective(settings, standard) === has ? Promise.resolve(server) : null),
    lacks: [
      ...(server.mails ? [] : (['mail'] as const)),
      ...(server.staff ? [] : (['staff'] as const)),
      ...(server.superuser ? [] : (['superuser'] as const)),
    ],
    close: async () => {},
  };
}
