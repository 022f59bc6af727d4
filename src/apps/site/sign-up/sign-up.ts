import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

import type { RouteDependencies } from '../../../definition/dependencies.ts';
import { ApiError, ValidationFailed } from '../../../errors.ts';
import { enterTenant } from '../../../http/enter-tenant.ts';
import { notFound } from '../../../http/identifier.ts';
import type { Context } from '../../../http/state.ts';
import type { environment } from '../settings.ts';
import type { SiteService } from '../start.ts';
import { createStatusKey, readConfirmation, readInvitation, readStatusKey } from './links.ts';
import {
  confirmSignUp,
  findSignUp,
  findSignUpByKey,
  insertSignUp,
  type NewSignUp,
  type SignUp,
} from './queries.ts';

export type SiteDependencies = RouteDependencies<Record<never, never>, typeof environment, SiteService>;

export type GivenSignUp = Readonly<{
  name: string;
  slug: string;
  email: string;
  password: string;
  invitation?: string | undefined;
}>;

/** Seconds in which the address of a sign-up must be confirmed. */
const LIFETIME = 86_400;
/** Milliseconds for which a request waits for the worker before the response is 202. */
const WAIT_MS = 5_000;
const PAUSE_MS = 200;

const taken = (): ValidationFailed =>
  new ValidationFailed({ slug: ['This address is already taken. Choose another one.'] });

/** @throws ValidationFailed on `slug` */
async function assertFree(
  { directory, environment: { BASE_DOMAIN } }: Pick<SiteDependencies, 'directory' | 'environment'>,
  slug: string,
): Promise<void> {
  if (await directory.find(`${slug}.${BASE_DOMAIN}`)) {
    throw taken();
  }
}

/**
 * Returns the digest of the invitation. Null without one.
 *
 * @throws ApiError `permission_denied` when sign-up requires an invitation
 * @throws ValidationFailed on `invitation`
 */
function checkInvitation(
  { environment: { SIGNUP }, secrets }: Pick<SiteDependencies, 'environment' | 'secrets'>,
  ctx: Context,
  { email, invitation = '' }: GivenSignUp,
): Buffer | null {
  if (invitation === '') {
    if (SIGNUP === 'invite') {
      throw new ApiError('permission_denied', 'Sign-up requires an invitation.');
    }
    return null;
  }
  const digest = readInvitation(secrets, ctx.state.tenant, email, invitation);
  if (!digest) {
    throw new ValidationFailed({
      invitation: ['This invitation has expired, or it is for another address.'],
    });
  }
  return digest;
}

/** @throws ApiError `not_found` when sign-up is off */
export function assertOpen({ environment: { SIGNUP } }: Pick<SiteDependencies, 'environment'>): void {
  if (SIGNUP === 'off') {
    throw notFound();
  }
}

/**
 * Waits until the worker has created the tenant, or for some seconds.
 *
 * @throws ValidationFailed on `slug` when another tenant has the name
 */
async function awaitTenant(dependencies: SiteDependencies, ctx: Context, id: string): Promise<SignUp> {
  const end = performance.now() + WAIT_MS;
  for (;;) {
    const found = await inSite(dependencies, ctx, true, (tx) => findSignUp(tx, id));
    if (found?.state === 'taken') {
      throw taken();
    }
    if (!found) {
      throw notFound();
    }
    if (found.state !== 'waiting' || performance.now() > end) {
      return found;
    }
    await wait(PAUSE_MS);
  }
}

const inSite = <T>(
  { tenantDatabase }: Pick<SiteDependencies, 'tenantDatabase'>,
  { state }: Context,
  readOnly: boolean,
  work: Parameters<typeof enterTenant<T>>[3],
): Promise<T> => enterTenant(tenantDatabase, state, { readOnly, whileUnpaid: true }, work);

/**
 * Stores a sign-up. Its address must be confirmed before a tenant is created, so that sign-ups with foreign addresses use
 * no spare and no name. With an invitation the address is confirmed already.
 *
 * @throws ValidationFailed on each invalid field
 * @throws ApiError `permission_denied` or `not_found`
 * @throws Unavailable `throttled` or `overloaded`
 */
export async function signUp(
  dependencies: SiteDependencies,
  ctx: Context,
  given: GivenSignUp,
): Promise<Readonly<{ signUp: SignUp; statusKey: string }>> {
  const { throttle, environment, service } = dependencies;
  const owners = dependencies.owners();
  if (!owners) {
    throw notFound();
  }
  const tenant = ctx.state.tenant.id;
  const email = given.email.toLowerCase();
  const attempt = { tenant, account: email, address: ctx.ip };
  await throttle.consume('signup', environment.THROTTLE_SIGNUP, attempt);
  const invitation = checkInvitation(dependencies, ctx, given);
  if (!invitation) {
    const account = email.slice(email.lastIndexOf('@') + 1);
    await throttle.consume('signup_domain', environment.THROTTLE_SIGNUP_DOMAIN, { ...attempt, account });
  }
  await assertFree(dependencies, given.slug);
  const owner = await owners.prepareOwner({ email: given.email, password: given.password });
  const id = randomUUID();
  const key = createStatusKey(id);
  const { slug, name } = given;
  const state: NewSignUp['state'] = invitation ? 'waiting' : 'unconfirmed';
  const isNew = await inSite(dependencies, ctx, false, (tx) =>
    insertSignUp(tx, {
      id,
      statusKey: key.digest,
      state,
      slug,
      name,
      email: given.email,
      owner,
      invitation,
      lifetime: LIFETIME,
    }),
  );
  if (!isNew) {
    throw new ValidationFailed({ invitation: ['This invitation was used before.'] });
  }
  service.wakeMail();
  const signUp = invitation ? await awaitTenant(dependencies, ctx, id) : { id, state, slug, name };
  return { signUp, statusKey: key.text };
}

const invalidLink = (): ValidationFailed =>
  new ValidationFailed({ token: ['This link is not valid. It may have expired.'] });

/**
 * Returns the sign-up that a mailed link confirms, without confirming it.
 *
 * @throws ValidationFailed on `token`
 */
export async function findConfirmable(
  dependencies: SiteDependencies,
  ctx: Context,
  token: string,
): Promise<SignUp> {
  const id = readConfirmation(dependencies.secrets, ctx.state.tenant, token);
  const found = id === null ? null : await inSite(dependencies, ctx, true, (tx) => findSignUp(tx, id));
  if (!found) {
    throw invalidLink();
  }
  return found;
}

/**
 * Confirms the address of a sign-up, and waits for its tenant. Repeating it changes nothing.
 *
 * @throws ValidationFailed on `token`, or on `slug` when another tenant has the name
 */
export async function confirm(
  dependencies: SiteDependencies,
  ctx: Context,
  { token, slug }: Readonly<{ token: string; slug?: string | undefined }>,
): Promise<SignUp> {
  const found = await findConfirmable(dependencies, ctx, token);
  if (found.state === 'unconfirmed' || found.state === 'taken') {
    await assertFree(dependencies, slug ?? found.slug);
    await inSite(dependencies, ctx, false, (tx) => confirmSignUp(tx, found.id, slug ?? null));
  }
  return awaitTenant(dependencies, ctx, found.id);
}

/**
 * Returns the sign-up of a status URL.
 *
 * @throws ApiError `not_found`
 */
export async function findByStatus(
  dependencies: SiteDependencies,
  ctx: Context,
  text: string | undefined,
): Promise<SignUp> {
  const key = readStatusKey(text ?? '');
  const found = key && (await inSite(dependencies, ctx, true, (tx) => findSignUpByKey(tx, key)));
  if (!found) {
    throw notFound();
  }
  return found;
}
