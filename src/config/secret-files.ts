import { readFileSync } from 'node:fs';

import { DomainError } from '../errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that hold a secret, and whose value a file may hold: `APP_SECRET_FILE=/run/secrets/app_secret`. */
export const SECRETS: readonly string[] = [
  'APP_SECRET',
  'APP_SECRET_PREVIOUS',
  'DATABASE_URL',
  'DATABASES',
  'LISTEN_DATABASE_URL',
  'OWNER_DATABASE_URL',
  'OWNER_DATABASES',
  'SMTP_URL',
  'TENANCY_KEYS',
  'THROTTLE_STORE',
];

/** Files that hold the password alone, as those of PostgreSQL's image do, for a URL that has none. */
const PASSWORDS: Readonly<Record<string, readonly string[]>> = {
  DATABASE_PASSWORD_FILE: ['DATABASE_URL', 'LISTEN_DATABASE_URL'],
  OWNER_DATABASE_PASSWORD_FILE: ['OWNER_DATABASE_URL'],
};

/** Every variable that names a file. */
export const FILE_VARIABLES: readonly string[] = [
  ...SECRETS.map((name) => `${name}_FILE`),
  ...Object.keys(PASSWORDS),
];

const refused = (message: string): DomainError => new DomainError('configuration_invalid', message);

function read(variable: string, file: string): string {
  try {
    // An editor ends the last line.
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    // Not the name: it may be the secret itself, in the wrong variable.
    const { code } = error as NodeJS.ErrnoException;
    throw refused(`The file that ${variable} names cannot be read: ${code}.`);
  }
}

function withPassword(variable: string, name: string, url: string, password: string): string {
  if (!URL.canParse(url)) {
    // What is wrong with it is its own reader's to say.
    return url;
  }
  const whole = new URL(url);
  if (whole.password !== '') {
    throw refused(`${name} has a password, and ${variable} is set: choose one.`);
  }
  whole.password = encodeURIComponent(password);
  return whole.href;
}

/**
 * The environment with what stands in files: `<NAME>_FILE` for whole values, and
 * `DATABASE_PASSWORD_FILE` and `OWNER_DATABASE_PASSWORD_FILE` for the password of a
 * URL. Read once; a change needs a restart. A line break at the end is dropped.
 *
 * @throws DomainError `configuration_invalid` for a file that cannot be read, and
 *   for a value that is given twice
 */
export function withSecretFiles(env: Environment): Environment {
  const whole: Record<string, string | undefined> = { ...env };
  for (const name of SECRETS) {
    const variable = `${name}_FILE`;
    const file = env[variable];
    if (file) {
      if (env[name]) {
        throw refused(`${name} and ${variable} are both set: choose one.`);
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
