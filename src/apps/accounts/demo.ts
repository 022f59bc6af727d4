import type { AppDemo } from '../../definition/app-demo.ts';
import { hashPassword } from './passwords/password.ts';

/** Demo users by schema. Those of `demo` are in fixtures/demo.json. */
const USERS: Readonly<Record<string, string>> = {
  acme: 'alice',
  globex: 'hank',
  initech: 'peter',
  hooli: 'gavin',
  site: 'operator',
};

/** Further demo users without rights. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = { acme: ['bob', 'carol'] };

/** Returns a public password. It opens demo data only, and `seed` prints it. */
const passwordOf = (username: string): string => `${username}-demo-password`;

/** Adds one superuser when there are no accounts yet. */
export const seed: AppDemo['seed'] = async (client, { schema, host }) => {
  const username = USERS[schema];
  const { rows } = await client.query('select u.id from users as u limit 1');
  if (username === undefined || rows.length > 0) {
    return;
  }
  await client.query(
    `insert into users (username, email, password, is_staff, is_superuser)
     values ($1, $2, $3, true, true)`,
    [username, `${username}@${host}`, await hashPassword(passwordOf(username))],
  );
  for (const member of MEMBERS[schema] ?? []) {
    await client.query('insert into users (username, email, password) values ($1, $2, $3)', [
      member,
      `${member}@${host}`,
      await hashPassword(passwordOf(member)),
    ]);
  }
};

export const logins: NonNullable<AppDemo['logins']> = ({ schema, host }) => {
  const username = USERS[schema];
  return username === undefined ? [] : [{ host, username, password: passwordOf(username) }];
};

export const introduction: NonNullable<AppDemo['introduction']> = ({ schema }, url) => {
  const username = USERS[schema] ?? '';
  const members = (MEMBERS[schema] ?? []).map((member) => `${member} / ${passwordOf(member)}`);
  return [
    ...(members.length > 0
      ? [`${username} is a superuser. Users without rights: ${members.join(', ')}`]
      : []),
    'Log in:',
    `  TOKEN=$(curl -s ${url}/api/auth/jwt/create/ -H 'Content-Type: application/json' -d '{"username":"${username}","password":"${passwordOf(username)}"}' | sed 's/.*"access":"\\([^"]*\\).*/\\1/')`,
  ];
};
