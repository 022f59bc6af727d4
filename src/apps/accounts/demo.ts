import type { AppDemo, DevPage } from '../../definition/define-app.ts';
import { hashPassword } from './passwords/password.ts';

/** Demo users by schema. Those of `demo` are in fixtures/demo.json. */
const USERS: Readonly<Record<string, string>> = { acme: 'alice', globex: 'hank', site: 'operator' };

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
};

export const logins: NonNullable<AppDemo['logins']> = ({ schema, host }) => {
  const username = USERS[schema];
  return username === undefined ? [] : [{ host, username, password: passwordOf(username) }];
};

export const introduction: NonNullable<AppDemo['introduction']> = ({ schema }, url) => {
  const username = USERS[schema] ?? '';
  return [
    'Log in:',
    `  TOKEN=$(curl -s ${url}/api/auth/jwt/create/ -H 'Content-Type: application/json' -d '{"username":"${username}","password":"${passwordOf(username)}"}' | sed 's/.*"access":"\\([^"]*\\).*/\\1/')`,
  ];
};

/** The pages of a frontend that the links of mails open, with the command that confirms. */
const LINKS = [
  ['ACTIVATION_URL', 'activation', ''],
  ['PASSWORD_RESET_CONFIRM_URL', 'reset_password_confirm', ',"new_password":"a-new-demo-password"'],
  ['USERNAME_RESET_CONFIRM_URL', 'reset_username_confirm', ',"new_username":"new-demo-name"'],
] as const;

export const pages: NonNullable<AppDemo['pages']> = (settings): readonly DevPage[] =>
  LINKS.map(([setting, endpoint, value]) => ({
    path: String(settings[setting]),
    text: ({ origin, values: { uid, token } }) => [
      `Your frontend serves this page. The setting ${setting} is its path.`,
      'The page sends this request:',
      '',
      `  curl -si ${origin}/api/auth/users/${endpoint}/ -H 'Content-Type: application/json' -d '{"uid":"${uid}","token":"${token}"${value}}'`,
    ],
  }));
