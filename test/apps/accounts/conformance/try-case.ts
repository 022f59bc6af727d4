import { randomBytes } from 'node:crypto';

import { PASSWORD, until } from '../../../helpers/server.ts';
import type { Caller, Case, RequestStep, Settings, Step } from './case.ts';
import { orderFaults } from './recorded.ts';
import { faultsOf, isInner, isOurDialect, type Shape } from './shape.ts';
import type { Login, Mail, ReceivedResponse, TestedServer } from './target.ts';

/** The values that a case knows, such as ids and parts of responses. */
export type Known = Record<string, unknown>;

const lookUp = (kept: Known, name: string): unknown => {
  if (!Object.hasOwn(kept, name)) {
    throw new Error(`Nothing is known as <${name}>: ${Object.keys(kept).join(', ')} are.`);
  }
  return kept[name];
};

/** Replaces every `<name>` by its known value, at any depth. */
function fill<T>(value: T, kept: Known): T {
  if (typeof value === 'string') {
    const whole = /^<([\w.]+)>$/.exec(value)?.[1];
    return (
      whole
        ? lookUp(kept, whole)
        : value.replaceAll(/<([\w.]+)>/g, (_, name: string) => String(lookUp(kept, name)))
    ) as T;
  }
  if (isInner(value)) {
    return value.about(fill(value.shape, kept)) as T;
  }
  if (Array.isArray(value)) {
    return value.map((item) => fill(item, kept)) as T;
  }
  return typeof value === 'object' && value !== null
    ? (Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fill(inner, kept)])) as T)
    : value;
}

const memberOf = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], value);

const cookieOf = ({ headers }: ReceivedResponse, name: string): string | undefined =>
  (headers['set-cookie'] ?? []).map((line) => new RegExp(`^${name}=([^;]*)`).exec(line)?.[1]).find(Boolean);

async function request(server: TestedServer, step: RequestStep, kept: Known): Promise<ReceivedResponse> {
  const { bearer = kept.bearer, headers = {} } = step;
  const [method = '', path = ''] = fill(step.endpoint, kept).split(' ');
  return server.send(method, path, {
    headers: {
      ...(typeof bearer === 'string' ? { Authorization: `Bearer ${fill(bearer, kept)}` } : {}),
      ...fill(headers, kept),
    },
    payload:
      fill(step.raw, kept) ?? (step.send === undefined ? undefined : JSON.stringify(fill(step.send, kept))),
  });
}

/**
 * Sends one request, keeps the values that the step names, and returns the errors of the response. `theirs` is the
 * body of the real stack: its members must have the same order.
 */
async function sendRequest(
  server: TestedServer,
  step: RequestStep,
  kept: Known,
  theirs?: string,
): Promise<readonly string[]> {
  const response = await request(server, step, kept);
  const { status, headers, text } = response;
  const faults = [
    ...(theirs === undefined || step.difference !== undefined ? [] : orderFaults(response, theirs)),
    ...faultsOf(step.status, status, 'the status'),
    ...(step.responseBody === undefined
      ? faultsOf('', text, 'the body')
      : faultsOf(fill(step.responseBody, kept), response.body, 'the body')),
    ...Object.entries(fill(step.responseHeaders ?? {}, kept)).flatMap(([name, shape]) =>
      faultsOf(shape as Shape, headers[name], name),
    ),
  ];
  const heading = `${fill(step.endpoint, kept)} returned ${status} ${text}`;
  for (const [name, from] of Object.entries(step.keep ?? {})) {
    kept[name] = from.startsWith('cookie ')
      ? cookieOf(response, from.slice('cookie '.length))
      : memberOf(response.body, from);
  }
  const isExempt = step.difference !== undefined && !isOurDialect;
  return faults.length > 0 && !isExempt ? [`${heading}\n  ${faults.join('\n  ')}`] : [];
}

async function mailsTo(server: TestedServer, address: string, subject: RegExp): Promise<readonly Mail[]> {
  const mails = (await server.mails?.()) ?? [];
  return mails.filter((mail) => mail.to === address && subject.test(mail.subject));
}

async function checkMail(server: TestedServer, step: Exclude<Step, RequestStep>, kept: Known): Promise<void> {
  if ('noMailTo' in step) {
    const found = await mailsTo(server, fill(step.noMailTo, kept), step.subject);
    if (found.length > 0) {
      throw new Error(`A mail to ${found[0]?.to} was sent: ${found[0]?.subject}`);
    }
    return;
  }
  const address = fill(step.mailTo, kept);
  const seen = `mails to ${address}`;
  // The first one that this case has not read yet.
  const before = Number(kept[`${seen} ${step.subject}`] ?? 0);
  const found = await until(
    () => mailsTo(server, address, step.subject),
    (mails) => mails.length > before,
  );
  const mail = found[before];
  if (!mail) {
    throw new Error(`No mail to ${address} has the subject ${step.subject}.`);
  }
  kept[`${seen} ${step.subject}`] = before + 1;
  if (step.keep) {
    const [uid, token] = (mail.link ?? '').replace(/\/$/, '').split('/').slice(-2);
    kept[step.keep.uid] = uid;
    kept[step.keep.token] = token;
  }
}

/** Logs a user in, and returns the values that a case can use. */
async function logInAs(server: TestedServer, settings: Settings, login: Login): Promise<Known> {
  const field = settings.LOGIN_FIELD === 'email' ? 'email' : 'username';
  const response = await request(
    server,
    {
      endpoint: 'POST /jwt/create/',
      send: { [field]: field === 'email' ? login.email : login.name, password: login.password },
      status: 200,
    },
    {},
  );
  const { access, refresh } = (response.body ?? {}) as { access?: string; refresh?: string };
  if (!access) {
    throw new Error(`${login.name} could not log in: ${response.status} ${response.text}`);
  }
  const me = await request(server, { endpoint: 'GET /users/me/', bearer: access, status: 200 }, {});
  return {
    ...login,
    NAME: login.name.toUpperCase(),
    id: memberOf(me.body, 'id'),
    access,
    refresh: refresh ?? cookieOf(response, 'refresh'),
    csrf: cookieOf(response, 'csrftoken'),
  };
}

/** Settings with which a registration has effects that cases check: a mail, or an attempt that is counted. */
const OF_REGISTRATION = /^(?:SEND_|THROTTLE_REGISTER$|ALLOW_REGISTRATION$)/;

/** Registers a user for one case. */
async function register(
  server: TestedServer,
  settings: Settings,
  { active }: { active: boolean },
): Promise<Known> {
  const name = `u${randomBytes(6).toString('hex')}`;
  const login: Login = { name, email: `${name}@example.com`, password: PASSWORD };
  if (
    server.insertUser &&
    active &&
    !Object.keys(settings).some((setting) => OF_REGISTRATION.test(setting))
  ) {
    await server.insertUser(login);
    return logInAs(server, settings, login);
  }
  const registrar =
    settings.ALLOW_REGISTRATION === false && server.staff
      ? await logInAs(server, settings, server.staff)
      : {};
  const response = await request(
    server,
    {
      endpoint: 'POST /users/',
      bearer: (registrar.access as string | undefined) ?? null,
      send: { username: name, email: login.email, password: PASSWORD, re_password: PASSWORD },
      status: 201,
    },
    {},
  );
  if (response.status !== 201) {
    throw new Error(`${name} could not be registered: ${response.status} ${response.text}`);
  }
  if (!active) {
    return { ...login, id: memberOf(response.body, 'id') };
  }
  if (settings.SEND_ACTIVATION_EMAIL) {
    const kept: Known = {};
    await checkMail(
      server,
      { mailTo: login.email, subject: /activation/i, keep: { uid: 'uid', token: 'token' } },
      kept,
    );
    const faults = await sendRequest(
      server,
      { endpoint: 'POST /users/activation/', send: { uid: '<uid>', token: '<token>' }, status: 204 },
      kept,
    );
    if (faults.length > 0) {
      throw new Error(faults.join('\n'));
    }
  }
  return logInAs(server, settings, login);
}

/** Milliseconds after which a shared user logs in again: an access token lives for five minutes. */
const FRESH_MS = 200_000;

type Shared = Readonly<{ known: Promise<Known>; since: number }>;
const residents = new WeakMap<TestedServer, Map<Caller, Shared>>();

/** Returns a user that several cases share: registered once for each server, or looked up. */
function sharedUser(
  server: TestedServer,
  settings: Settings,
  caller: 'resident' | 'staff' | 'superuser',
): Promise<Known> {
  const here = residents.get(server) ?? new Map<Caller, Shared>();
  residents.set(server, here);
  const earlier = here.get(caller);
  if (earlier && performance.now() - earlier.since < FRESH_MS) {
    return earlier.known;
  }
  const login = caller === 'resident' ? null : server[caller];
  const known = earlier
    ? earlier.known.then((before) => logInAs(server, settings, login ?? (before as Login)))
    : login
      ? logInAs(server, settings, login)
      : register(server, settings, { active: true });
  here.set(caller, { known, since: performance.now() });
  return known;
}

const prefixed = (caller: string, known: Known): Known =>
  Object.fromEntries(Object.entries(known).map(([name, value]) => [`${caller}.${name}`, value]));

/** Returns the values that a case refers to by name, and registers the users that it needs. */
export async function prepare(
  server: TestedServer,
  { caller = 'nobody', settings = {}, needs = [] }: Omit<Case, 'steps'>,
): Promise<Known> {
  const known =
    caller === 'nobody'
      ? {}
      : caller === 'newcomer' || caller === 'inactive'
        ? await register(server, settings, { active: caller === 'newcomer' })
        : await sharedUser(server, settings, caller);
  const others = await Promise.all(
    (['resident', ...needs.filter((need) => need !== 'mail')] as const).map(async (name) =>
      prefixed(name, await sharedUser(server, settings, name)),
    ),
  );
  return Object.assign(
    {
      // Names that no user has.
      new: `n${randomBytes(6).toString('hex')}`,
      bearer: known.access,
      ...known,
    },
    ...others,
  );
}

/** Performs one step. Returns the errors of the response. */
export const perform = async (
  server: TestedServer,
  step: Step,
  kept: Known,
  theirs?: string,
): Promise<readonly string[]> => {
  if ('endpoint' in step) {
    return sendRequest(server, step, kept, theirs);
  }
  await checkMail(server, step, kept);
  return [];
};

/**
 * Performs the steps of a case.
 *
 * @throws Error at the first response that differs from the expected one
 */
export async function tryCase(
  server: TestedServer,
  one: Case,
  { known, recorded = [] }: { known?: Known; recorded?: ReadonlyArray<Readonly<{ text: string }>> } = {},
): Promise<void> {
  const kept = known ?? (await prepare(server, one));
  const theirs = recorded.values();
  for (const step of one.steps) {
    const faults = await perform(
      server,
      step,
      kept,
      'endpoint' in step ? theirs.next().value?.text : undefined,
    );
    if (faults.length > 0) {
      throw new Error(faults.join('\n'));
    }
  }
}
