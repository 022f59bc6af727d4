import test from 'ava';

import { ApiError } from '../../src/errors.ts';
import { declarePermissions } from '../../src/http/permission-names.ts';
import {
  allOf,
  anyOf,
  assertPermitted,
  byMethod,
  hasPermission,
  isAuthenticated,
  isReadOnly,
  isStaff,
  isSuperuser,
  isUser,
  type Permission,
  permit,
  setCaller,
} from '../../src/http/permissions.ts';
import type { Caller, CallerRights, Context } from '../../src/http/state.ts';

declarePermissions(['notes.publish']);

const noRights: CallerRights = { isStaff: false, isSuperuser: false, permissions: new Set() };
const callerWith = (rights: Partial<CallerRights> = {}) => ({
  userId: '7',
  family: 'f',
  actor: null,
  rights: { ...noRights, ...rights },
});
const USER = callerWith();
const STAFF = callerWith({ isStaff: true });
const SUPERUSER = callerWith({ isSuperuser: true });

const allows = (permission: Permission, caller: typeof USER | null, method = 'GET'): boolean =>
  permission({ method, caller });

test('each permission allows only its callers', (t) => {
  const callers = [null, USER, STAFF, SUPERUSER];
  const table: ReadonlyArray<readonly [Permission, readonly boolean[]]> = [
    [isAuthenticated, [false, true, true, true]],
    [isStaff, [false, false, true, false]],
    [isSuperuser, [false, false, false, true]],
    [isUser(7), [false, true, true, true]],
    [isUser('8'), [false, false, false, false]],
    [isUser(null), [false, false, false, false]],
    [hasPermission('notes.publish'), [false, false, false, true]],
    [anyOf(isStaff, isSuperuser), [false, false, true, true]],
    [allOf(isStaff, isSuperuser), [false, false, false, false]],
  ];
  for (const [permission, expected] of table) {
    t.deepEqual(
      callers.map((caller) => allows(permission, caller)),
      expected,
    );
  }
  t.true(allows(hasPermission('notes.publish'), callerWith({ permissions: new Set(['notes.publish']) })));
  for (const caller of [null, USER, SUPERUSER]) {
    t.throws(() => allows(hasPermission('notes.publsh'), caller), {
      message: /no permission "notes\.publsh"\. Most similar: "notes\.publish"\./,
    });
  }
});

test('permissions depend on the method', (t) => {
  t.true(allows(isReadOnly, null, 'HEAD'));
  t.false(allows(isReadOnly, STAFF, 'POST'));
  const perMethod = byMethod({ GET: isStaff, DELETE: isSuperuser });
  t.false(allows(perMethod, USER, 'HEAD'));
  t.true(allows(perMethod, USER, 'POST'));
  t.false(allows(perMethod, STAFF, 'DELETE'));
});

type Attempt = Readonly<{ caller?: Caller; guards?: readonly unknown[]; tx?: unknown }>;
const contextOf = ({ caller, guards = [], tx }: Attempt, method = 'GET') =>
  ({ method, state: { caller, guards, tx } }) as unknown as Context;
const run = (permission: Permission, ctx: Context, next: () => Promise<void> = async () => {}) =>
  permit(permission)(ctx as never, next);

const denied = { instanceOf: ApiError, message: 'You do not have permission to perform this action.' };

test('checks known rights before the handler', async (t) => {
  await t.throwsAsync(
    run(isStaff, contextOf({ caller: USER }), async () => t.fail()),
    denied,
  );
  await t.notThrowsAsync(run(isStaff, contextOf({ caller: STAFF })));
  const error = await t.throwsAsync<ApiError>(run(isStaff, contextOf({})), { instanceOf: ApiError });
  t.is(error?.code, 'not_authenticated');
});

const unknownCaller: Caller = { userId: '7', family: 'f', actor: null };
/** Sends the entry with the guards on request, as the driver does. */
const transactionOf = (ctx: () => Context, rights: CallerRights | null) => ({
  query: async () => {
    if (rights) {
      setCaller(ctx(), { ...unknownCaller, rights });
    }
  },
});

test('checks rights that the guard reports together with the guard', async (t) => {
  for (const [rights, isDenied] of [
    [{ ...noRights, isStaff: true }, false],
    [noRights, true],
  ] as const) {
    const ctx: Context = contextOf({
      caller: unknownCaller,
      guards: [{}],
      tx: transactionOf(() => ctx, rights),
    });
    const result = run(isStaff, ctx);
    await (isDenied ? t.throwsAsync(result, denied) : t.notThrowsAsync(result));
  }
});

test('fails a request without rights, whatever the permission returns', async (t) => {
  const withoutRights: Context = contextOf({
    caller: unknownCaller,
    guards: [{}],
    tx: transactionOf(() => withoutRights, null),
  });
  await t.throwsAsync(
    run(() => true, withoutRights),
    { instanceOf: TypeError },
  );
  await t.throwsAsync(
    run(() => true, contextOf({ caller: unknownCaller, guards: [{}] })),
    { instanceOf: TypeError },
  );
  t.throws(() => assertPermitted(contextOf({ caller: unknownCaller }), () => true), {
    instanceOf: TypeError,
  });
});

test('a permission can forbid a row or hide it', (t) => {
  const ctx = contextOf({ caller: USER });
  t.notThrows(() => assertPermitted(ctx, isUser(7)));
  t.throws(() => assertPermitted(ctx, isUser(8)), denied);
  t.throws(() => assertPermitted(ctx, isUser(8), { hidden: true }), { message: 'Not found.' });
  t.throws(() => assertPermitted(contextOf({}), isUser(8)), {
    message: 'Authentication credentials were not provided.',
  });
});
