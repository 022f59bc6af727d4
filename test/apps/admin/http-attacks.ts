import { attackHttp, found, type HttpAttack, type HttpFixture } from '../../helpers/http-attacks.ts';
import type { Answer } from '../../helpers/server.ts';

const ACME = 'acme.localhost';

/** Rows of the tenants, and tokens of acme's users by name. `neighbor` is a superuser of globex. */
export type AdminFixture = HttpFixture &
  Readonly<{ tokens: Readonly<Record<'boss' | 'clerk' | 'user' | 'neighbor', string>> }>;

/** The id of a row of globex. Acme has none with this id. */
export const NEIGHBORS_ID = 900_001;

const send = (
  { service, tokens }: AdminFixture,
  as: keyof AdminFixture['tokens'] | null,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> =>
  service.request(ACME, method, path, { ...(as === null ? {} : { token: tokens[as] }), body });

const isAccepted = ({ status }: Answer): boolean => status < 300;

/** Paths of the tenant's staff. */
const STAFF_PATHS = [
  '/api/admin/',
  '/api/admin/library.author/',
  '/api/admin/library.author/1/',
  '/api/admin/library.book/choices/?field=author_id',
];

/** Attacks on the generic routes of the admin, and on the members of a host. */
export const adminAttacks: ReadonlyArray<HttpAttack<AdminFixture>> = [
  attackHttp<AdminFixture>({
    id: 'admin-not-staff',
    name: "a user who is not staff does not read rows with the admin's routes",
    rule: {
      file: 'src/apps/admin/models/model-routes.ts',
      from: 'permit(isStaff)',
      to: 'permit(() => true)',
    },
    action: async (fixture) => {
      const answers = await Promise.all(STAFF_PATHS.map((path) => send(fixture, 'user', 'GET', path)));
      return found(answers.some(isAccepted), 'rows');
    },
  }),
  attackHttp<AdminFixture>({
    id: 'admin-model-permission',
    name: 'staff without the permissions of a model neither read nor change its rows',
    rule: {
      file: 'src/apps/admin/models/model-permissions.ts',
      from: 'permit(required)(ctx, next)',
      to: 'next()',
    },
    action: async (fixture) => {
      const answers = await Promise.all([
        send(fixture, 'clerk', 'GET', '/api/admin/library.loan/'),
        send(fixture, 'clerk', 'GET', '/api/admin/library.loan/1/'),
        send(fixture, 'clerk', 'GET', '/api/admin/library.loan/?borrower__icontains=a'),
        send(fixture, 'clerk', 'GET', '/api/admin/library.fine/choices/?field=loan_id'),
        send(fixture, 'clerk', 'POST', '/api/admin/library.loan/', { borrower: 'x' }),
        send(fixture, 'clerk', 'PATCH', '/api/admin/library.loan/1/', { borrower: 'x' }),
        send(fixture, 'clerk', 'DELETE', '/api/admin/library.loan/1/'),
      ]);
      return found(answers.some(isAccepted), 'rows');
    },
  }),
  attackHttp<AdminFixture>({
    id: 'admin-strangers',
    name: "requests without credentials, and with those of another tenant's superuser, get nothing",
    rule: null,
    action: async (fixture) => {
      const paths = [...STAFF_PATHS, '/api/audit/', '/api/domains/', '/api/settings/', '/api/auth/members/'];
      const answers = await Promise.all(
        ([null, 'neighbor'] as const).flatMap((as) => paths.map((path) => send(fixture, as, 'GET', path))),
      );
      return found(
        answers.some(({ status }) => status !== 401),
        'a response',
      );
    },
  }),
  attackHttp<AdminFixture>({
    id: 'admin-undeclared-model',
    name: 'a table that no app declares to the admin has no routes',
    rule: {
      file: 'src/apps/admin/models/model-routes.ts',
      from: 'orNotFound(models.byName.get(String(params.model)))',
      to: "models.byName.get(String(params.model)) ?? { ...orNotFound(models.byName.get('library.author')), table: 'secrets' }",
    },
    action: async (fixture) => {
      const names = [
        'library.secret',
        'secrets',
        'accounts.session',
        'public.tenants',
        'tenancy.keys',
        '__proto__',
        'constructor',
        'library.author%22;select%201',
        'library.author%00',
      ];
      const answers = await Promise.all(
        names.flatMap((name) => [
          send(fixture, 'boss', 'GET', `/api/admin/${name}/`),
          send(fixture, 'boss', 'GET', `/api/admin/${name}/choices/?field=author_id`),
          send(fixture, 'boss', 'POST', `/api/admin/${name}/`, { name: 'x' }),
        ]),
      );
      return found(answers.some(isAccepted), 'a row');
    },
  }),
  attackHttp<AdminFixture>({
    id: 'admin-ordering',
    name: 'rows cannot be ordered by a column that is no field, such as the hash of a password',
    rule: {
      file: 'src/http/lists/ordering.ts',
      from: ".filter((text) => allowed.includes(text.replace(/^-/, '')))",
      to: ".filter((text) => text !== '')",
    },
    action: async (fixture) => {
      const { body } = await send(
        fixture,
        'boss',
        'GET',
        '/api/admin/accounts.user/?search=ordered&ordering=password',
      );
      const [first] = (body.results ?? []) as ReadonlyArray<{ username: string }>;
      return found(first?.username === 'ordered2', 'the order of hashes');
    },
  }),
  attackHttp<AdminFixture>({
    id: 'admin-filter',
    name: 'rows cannot be filtered by a column that is no field',
    rule: null,
    leak: 'bit',
    action: async (fixture) => {
      const parameters = [
        'password',
        'password__icontains',
        'password__gte',
        'token_version__exact',
        'users.password',
      ];
      const answers = await Promise.all(
        parameters.map((name) =>
          send(fixture, 'boss', 'GET', `/api/admin/accounts.user/?${name}=${fixture.guess}`),
        ),
      );
      // The links of pages repeat the parameters.
      return answers.map(({ status, body }) => [status, body.count]);
    },
  }),
  attackHttp<AdminFixture>({
    id: 'admin-injection',
    name: 'a search, an order or a filter is never part of the SQL text',
    rule: {
      file: 'src/http/lists/parameters.ts',
      from: "text.replaceAll(/[\\\\%_]/g, '\\\\$&')",
      to: 'text',
    },
    action: async (fixture) => {
      const texts = ['%', "x' or '1'='1", "'; drop table authors; --", '\\', '" or true --', '_'];
      const answers = await Promise.all(
        texts.map((text) => {
          const given = encodeURIComponent(text);
          return send(
            fixture,
            'boss',
            'GET',
            `/api/admin/library.author/?search=${given}&name__icontains=${given}&ordering=${given},name)`,
          );
        }),
      );
      return found(
        answers.some(({ status, body }) => status !== 200 || body.count > 0),
        'rows of another condition',
      );
    },
  }),
  attackHttp<AdminFixture>({
    id: 'admin-mass-assignment',
    name: 'fields that are read-only, and columns that are no fields, cannot be set',
    rule: {
      file: 'src/http/fields/serializer.ts',
      from: 'Object.entries(shape).filter(([, schema]) => !(schema instanceof z.ZodReadonly))',
      to: 'Object.entries(shape)',
    },
    action: async (fixture) => {
      const { body: page } = await send(fixture, 'boss', 'GET', '/api/admin/library.book/');
      const { id } = page.results[0];
      const { body } = await send(fixture, 'boss', 'PATCH', `/api/admin/library.book/${id}/`, {
        created_at: '1999-01-01T00:00:00Z',
        shelf_code: 'Z',
        table: 'secrets',
      });
      return found(/^1999/.test(body.created_at) || body.shelf === 'Z', 'a changed row');
    },
  }),
  attackHttp<AdminFixture>({
    id: 'admin-read-only-model',
    name: 'staff cannot delete a user with the generic routes',
    rule: {
      file: 'src/apps/admin/models/model-routes.ts',
      from: 'if (isReadOnly) {',
      to: 'if (false as boolean) {',
    },
    action: async (fixture) => {
      const { world } = fixture;
      const [user] = await world.asOwner<{ id: string }>(
        `insert into acme.users (username, password) values ('deleted-' || gen_random_uuid(), '!') returning id`,
      );
      await send(fixture, 'boss', 'DELETE', `/api/admin/accounts.user/${user?.id}/`);
      await send(fixture, 'boss', 'PATCH', `/api/admin/accounts.user/${user?.id}/`, { is_superuser: true });
      const rows = await world.asOwner('select from acme.users where id = $1 and not is_superuser', [
        user?.id,
      ]);
      return found(rows.length === 0, 'a user');
    },
  }),
  attackHttp<AdminFixture>({
    id: 'admin-neighbors',
    name: "the id of another tenant's row finds nothing, in rows, filters, pickers and relations",
    rule: null,
    action: async (fixture) => {
      const { body: me } = await send(fixture, 'boss', 'GET', '/api/console/');
      const answers = await Promise.all([
        send(fixture, 'boss', 'GET', `/api/admin/library.author/${NEIGHBORS_ID}/`),
        send(fixture, 'boss', 'PATCH', `/api/admin/library.author/${NEIGHBORS_ID}/`, { name: 'Taken over' }),
        send(fixture, 'boss', 'DELETE', `/api/admin/library.author/${NEIGHBORS_ID}/`),
        send(fixture, 'boss', 'POST', '/api/admin/library.book/', {
          title: 'x',
          author_id: NEIGHBORS_ID,
          added_by: me.user.id,
        }),
        send(fixture, 'boss', 'GET', `/api/auth/members/${NEIGHBORS_ID}/`),
        send(fixture, 'boss', 'PATCH', `/api/auth/members/${NEIGHBORS_ID}/`, { is_active: false }),
      ]);
      const lists = await Promise.all([
        send(fixture, 'boss', 'GET', `/api/admin/library.author/?id=${NEIGHBORS_ID}`),
        send(fixture, 'boss', 'GET', `/api/admin/library.book/choices/?field=author_id&ids=${NEIGHBORS_ID}`),
        send(fixture, 'boss', 'GET', '/api/admin/library.book/choices/?field=author_id&search=neighbor'),
        send(fixture, 'boss', 'GET', '/api/admin/library.book/choices/?field=added_by&search=neighbor'),
      ]);
      return found(answers.some(isAccepted) || lists.some(({ body }) => body.count !== 0), 'a row of globex');
    },
  }),
  attackHttp<AdminFixture>({
    id: 'members-escalation',
    name: 'staff cannot give rights, to others or to themselves, and cannot deactivate a superuser',
    rule: {
      file: 'src/apps/accounts/members/own-members-routes.ts',
      from: 'if (!caller.is_staff || (needsSuperuser && !caller.is_superuser)) {',
      to: 'if (false as boolean) {',
    },
    action: async (fixture) => {
      const { body } = await send(fixture, 'clerk', 'GET', '/api/auth/members/');
      const idOf = (name: string) =>
        (body.results as ReadonlyArray<{ id: number; username: string }>).find(
          ({ username }) => username === name,
        )?.id;
      const answers = await Promise.all([
        send(fixture, 'clerk', 'PATCH', `/api/auth/members/${idOf('user')}/`, { is_superuser: true }),
        send(fixture, 'clerk', 'PATCH', `/api/auth/members/${idOf('user')}/`, { is_staff: true }),
        send(fixture, 'clerk', 'PATCH', `/api/auth/members/${idOf('clerk')}/`, { is_superuser: true }),
        send(fixture, 'clerk', 'PATCH', `/api/auth/members/${idOf('boss')}/`, { is_active: false }),
        send(fixture, 'clerk', 'PATCH', `/api/auth/members/${idOf('boss')}/`, { first_name: 'x' }),
        send(fixture, 'user', 'PATCH', `/api/auth/members/${idOf('clerk')}/`, { is_active: false }),
      ]);
      return found(answers.some(isAccepted), 'a right');
    },
  }),
];
