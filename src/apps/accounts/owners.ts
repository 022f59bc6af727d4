import { z } from 'zod';

import type { Owners, PreparedOwner } from '../../definition/owners.ts';
import { validate } from '../../http/body/validate.ts';
import { assertGoodPassword } from './passwords/credentials.ts';
import type { Passwords } from './passwords/password.ts';
import { email, password } from './users/fields.ts';

const given = z.object({ email: email(), password: password() });
const prepared = z.object({ username: z.string(), email: z.string(), password: z.string() });

/** Returns the address as username, or `owner` if it has characters that a username cannot have. */
const usernameOf = (address: string): string =>
  /^[a-zA-Z0-9_.@+-]{1,150}$/.test(address) ? address : 'owner';

/** Creates `prepareOwner` of the service. Sign-ups share the queue of one tenant for their hashes. */
export const createPrepareOwner =
  ({ hash }: Pick<Passwords, 'hash'>) =>
  async (input: Readonly<{ email: string; password: string }>): Promise<PreparedOwner> => {
    const owner = validate(given, input);
    const username = usernameOf(owner.email);
    await assertGoodPassword('password', owner.password, {
      username,
      email: owner.email,
      first_name: '',
      last_name: '',
    });
    return { username, email: owner.email, password: await hash('sign-up', owner.password) };
  };

export const addOwner: Owners['addOwner'] = async (client, owner) => {
  const { username, email: address, password: hashed } = prepared.parse(owner);
  await client.query(
    `insert into users (username, email, password, is_staff, is_superuser)
     values ($1, $2, $3, true, true)`,
    [username, address, hashed],
  );
};

export const hasOwner: Owners['hasOwner'] = async (client, owner) => {
  const { username, password: hashed } = prepared.parse(owner);
  const { rows } = await client.query('select from users as u where u.username = $1 and u.password = $2', [
    username,
    hashed,
  ]);
  return rows.length > 0;
};

export const findAddresses: Owners['findAddresses'] = async (client, addresses) => {
  const { rows } = await client.query<{ address: string }>(
    `select lower(u.email) as address
     from users as u
     where lower(u.email) = any ($1::text[])
       and u.email <> ''
       and u.is_active`,
    [addresses],
  );
  return rows.map(({ address }) => address);
};
