import type { CreateTenantExtension } from '../../../definition/app-commands.ts';

/** Adds `create-tenant --superuser NAME`. The prompt for the password comes before anything is created. */
export const createTenantWithSuperuser: CreateTenantExtension = {
  declare: (parser) =>
    parser.option('--superuser <name>', 'also create this superuser, with a prompt for the password'),

  prepare: async ({ superuser }, schema, { ask, config }) => {
    if (typeof superuser !== 'string') {
      return { add: null, printed: { superuser: null }, sentence: '' };
    }
    const { assertTypedPassword, configuredCost, parseUsername, prepareUser } = await import('./accounts.ts');
    const user = {
      username: parseUsername(superuser),
      email: '',
      password: await ask(`Password of ${superuser}: `, { secret: true }),
      isSuperuser: true,
    };
    await assertTypedPassword(user.password, user);
    return {
      add: await prepareUser(schema, user, configuredCost(await config())),
      printed: { superuser: user.username },
      sentence: `, with the superuser ${user.username}`,
    };
  },
};
