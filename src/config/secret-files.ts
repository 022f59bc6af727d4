import { readFileSync } from 'node:fs';

import { type DomainError, OperatorError } from '../errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables with a secret, whose value may be in a file: `APP_SECRET_FILE=/run/secrets/app_secret`. */
export const SECRETS: readonly string[] = [
  'APP_SECRET',
  'APP_SECRET_PREVIOUS',
  'BILLING_STRIPE_WEBHOOK_SECRET',
  'DATABASE_URL',
  'DATABASES',
  'LANE_LOGINS',
  'LISTEN_DATABASE_URL',
  'OWNER_DATABASE_URL',
  'OWNER_DATABASES',
  'SMTP_URL',
  'TENANCY_KEYS',
  'THROTTLE_STORE',
];

/** Files with the password only, as for PostgreSQL's image, for a URL without a password. */
const PASSWORDS: Readonly<Record<string, readonly string[]>> = {
  DATABASE_PASSWORD_FILE: ['DATABASE_URL', 'LISTEN_DATABASE_URL'],
  OWNER_DATABASE_PASSWORD_FILE: ['OWNER_DATABASE_URL'],
};

/** Every variable that names a file. */
export const FILE_VARIABLES: readonly string[] = [
  ...SECRETS.map((name) => `${name}_FILE`),
  ...Object.keys(PASSWORDS),
];

const refused = (message: string): DomainError => new OperatorError('configuration_invalid', message);

function read(variable: string, file: string): string {
  try {
    // Editors add a line break at the end.
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    // Without the file name: it may be the secret itself, in the wrong variable.
    const { code } = error as NodeJS.ErrnoException;
    throw refused(`The file of ${variable} cannot be read: ${code}.`);
  }
}

function withPassword(variable: string, name: string, url: string, password: string): string {
  if (!URL.canParse(url)) {
    // The reader of the URL reports that it is invalid.
    return url;
  }
  const whole = new URL(url);
  if (whole.password !== '') {
    throw refused(`${name} contains a password and ${variable} is set too. Use one of them.`);
  }
  whole.password = encodeURIComponent(password);
  return whole.href;
}

/**
 * Returns the environment with the content of files: `<NAME>_FILE` for whole values, and
 * `DATABASE_PASSWORD_FILE` and `OWNER_DATABASE_PASSWORD_FILE` for the password of a URL. Files are
 * read once, so a change needs a restart. A trailing line break is removed.
 *
 * @throws OperatorError `configuration_invalid` for an unreadable file, and for a value that is
 *   given twice
 */
export function withSecretFiles(env: Environment): Environment {
  const whole: Record<string, string | undefined> = { ...env };
  for (const name of SECRETS) {
    const variable = `${name}_FILE`;
    const file = env[variable];
    if (file) {
      if (env[name]) {
        throw refused(`${name} and ${variable} are both set. Use one of them.`);
      }
      whole[name] = read(variable, file);
    }
  }
  for (const [variable, names] of Object.entries(PASSWORDS)) {
    const file = env[variable];
    const password = file ? read(variable, file) : null;
    for (const name of names) {
      const url = whole[name];
      if (password !== null && url) {
        whole[name] = withPassword(variable, name, url, password);
      }
    }
  }
  return whole;
}
