import { randomBytes } from 'node:crypto';

import { PASSWORD, until } from '../../../helpers/server.ts';
import type { Case, RequestStep, Settings, Step, Who } from './case.ts';
import { orderFaults } from './recorded.ts';
import { faultsOf, isInner, isOurDialect, type Shape } from './shape.ts';
import type { Answer, Login, Mail, Place } from './target.ts';

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

const cookieOf = ({ headers }: Answer, name: string): string | undefined =>
  (headers['set-cookie'] ?? []).map((line) => new RegExp(`^${name}=([^;]*)`).exec(line)?.[1]).find(Boolean);

async function request(place: Place, step: RequestStep, kept: Known): Promise<Answer> {
  const { bearer = kept.bearer, headers = {} } = step;
  const [method = '', path = ''] = fill(step.endpoint, kept).split(' ');
  return place.send(method, path, {
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
async function askFor(
  place: Place,
  step: RequestStep,
  kept: Known,
  theirs?: string,
): Promise<readonly string[]> {
  const answer = await request(place, step, kept);
  const { status, headers, text } = answer;
  const faults = [
    ...(theirs === undefined || step.difference !== undefined ? [] : orderFaults(answer, theirs)),
    ...faultsOf(step.status, status, 'the status'),
    ...(step.answer === undefined
      ? faultsOf('', text, 'the body')
      : faultsOf(fill(step.answer, kept), answer.body, 'the body')),
    ...Object.entries(fill(step.answerHeaders ?? {}, kept)).flatMap(([name, shape]) =>
      faultsOf(shape as Shape, headers[name], name),
    ),
  ];
  const heading = `${fill(step.endpoint, kept)} was answered ${status} ${text}`;
  for (const [name, from] of Object.entries(step.keep ?? {})) {
    kept[name] = from.startsWith('cookie ')
      ? cookieOf(answer, from.slice('cookie '.length))
      : memberOf(answer.body, from);
  }
  const isExempt = step.difference !== undefined && !isOurDialect;
  return faults.length > 0 && !isExempt ? [`${heading}\n  ${faults.join('\n  ')}`] : [];
}

async function mailsTo(place: Place, address: string, subject: RegExp): Promise<readonly Mail[]> {
  const mails = (await place.mails?.()) ?? [];
  return mails.filter((mail) => mail.to === address && subject.test(mail.subject));
}

async function follow(place: Place, step: Exclude<Step, RequestStep>, kept: Known): Promise<void> {
  if ('noMailTo' in step) {
    const found = await mailsTo(place, fill(step.noMailTo, kept), step.subject);
    if (found.length > 0) {
      throw new Error(`${found[0]?.to} was written to: ${found[0]?.subject}`);
    }
    return;
  }
  const address = fill(step.mailTo, kept);
  const seen = `mails to ${address}`;
  // The first one that this case has not read yet.
  const before = Number(kept[`${seen} ${step.subject}`] ?? 0);
  const found = await until(
    () => mailsTo(place, address, step.subject),
    (mails) => mails.length > before,
  );
  const mail = found[before];
  if (!mail) {
    throw new Error(`Nobody wrote to ${address} about ${step.subject}.`);
  }
  kept[`${seen} ${step.subject}`] = before + 1;
  if (step.keep) {
    const [uid, token] = (mail.link ?? '').replace(/\/$/, '').split('/').slice(-2);
    kept[step.keep.uid] = uid;
    kept[step.keep.token] = token;
  }
}

/** Logs a user in, and returns the values that a case can use. */
async function enter(place: Place, settings: Settings, login: Login): Promise<Known> {
  const field = settings.LOGIN_FIELD === 'email' ? 'email' : 'username';
  const answer = await request(
    place,
    {
      endpoint: 'POST /jwt/create/',
      send: { [field]: field === 'email' ? login.email : login.name, password: login.password },
      status: 200,
    },
    {},
  );
  const { access, refresh } = (answer.body ?? {}) as { access?: string; refresh?: string };
  if (!access) {
    throw new Error(`${login.name} could not log in: ${answer.status} ${answer.text}`);
  }
  const me = await request(place, { endpoint: 'GET /users/me/', bearer: access, status: 200 }, {});
  return {
    ...login,
    NAME: login.name.toUpperCase(),
    id: memberOf(me.body, 'id'),
    access,
    refresh: refresh ?? cookieOf(answer, 'refresh'),
    csrf: cookieOf(answer, 'csrftoken'),
  };
}

/** Registers a user for one case. */
async function register(place: Place, settings: Settings, { active }: { active: boolean }): Promise<Known> {
  const name = `u${randomBytes(6).toString('hex')}`;
  const login: Login = { name, email: `${name}@example.com`, password: PASSWORD };
  const opener =
    settings.ALLOW_REGISTRATION === false && place.staff ? await enter(place, settings, place.staff) : {};
  const answer = await request(
    place,
    {
      endpoint: 'POST /users/',
      bearer: (opener.access as string | undefined) ?? null,
      send: { username: name, email: login.email, password: PASSWORD, re_password: PASSWORD },
      status: 201,
    },
    {},
  );
  if (answer.status !== 201) {
    throw new Error(`${name} could not be registered: ${answer.status} ${answer.text}`);
  }
  if (!active) {
    return { ...login, id: memberOf(answer.body, 'id') };
  }
  if (settings.SEND_ACTIVATION_EMAIL) {
    const kept: Known = {};
    await follow(
      place,
      { mailTo: login.email, subject: /activation/i, keep: { uid: 'uid', token: 'token' } },
      kept,
    );
    const faults = await askFor(
      place,
      { endpoint: 'POST /users/activation/', send: { uid: '<uid>', token: '<token>' }, status: 204 },
      kept,
    );
    if (faults.length > 0) {
      throw new Error(faults.join('\n'));
    }
  }
  return enter(place, settings, login);
}

/** Milliseconds after which a shared user logs in again: an access token lives for five minutes. */
const FRESH_MS = 200_000;

type Shared = Readonly<{ known: Promise<Known>; since: number }>;
const residents = new WeakMap<Place, Map<Who, Shared>>();

/** Returns a user that several cases share: registered once for each place, or looked up. */
function shared(place: Place, settings: Settings, who: 'resident' | 'staff' | 'superuser'): Promise<Known> {
  const here = residents.get(place) ?? new Map<Who, Shared>();
  residents.set(place, here);
  const earlier = here.get(who);
  if (earlier && performance.now() - earlier.since < FRESH_MS) {
    return earlier.known;
  }
  const login = who === 'resident' ? null : place[who];
  const known = earlier
    ? earlier.known.then((before) => enter(place, settings, login ?? (before as Login)))
    : login
      ? enter(place, settings, login)
      : register(place, settings, { active: true });
  here.set(who, { known, since: performance.now() });
  return known;
}

const as = (who: string, known: Known): Known =>
  Object.fromEntries(Object.entries(known).map(([name, value]) => [`${who}.${name}`, value]));

/** Returns the values that a case refers to by name, and registers the users that it needs. */
export async function prepare(
  place: Place,
  { who = 'nobody', settings = {}, needs = [] }: Omit<Case, 'steps'>,
): Promise<Known> {
  const known =
    who === 'nobody'
      ? {}
      : who === 'newcomer' || who === 'inactive'
        ? await register(place, settings, { active: who === 'newcomer' })
        : await shared(place, settings, who);
  const others = await Promise.all(
    (['resident', ...needs.filter((need) => need !== 'mail')] as const).map(async (name) =>
      as(name, await shared(place, settings, name)),
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
  place: Place,
  step: Step,
  kept: Known,
  theirs?: string,
): Promise<readonly string[]> => {
  if ('endpoint' in step) {
    return askFor(place, step, kept, theirs);
  }
  await follow(place, step, kept);
  return [];
};

/**
 * Performs the steps of a case.
 *
 * @throws Error at the first response that differs from the expected one
 */
export async function tryCase(
  place: Place,
  one: Case,
  { known, recorded = [] }: { known?: Known; recorded?: ReadonlyArray<Readonly<{ text: string }>> } = {},
): Promise<void> {
  const kept = known ?? (await prepare(place, one));
  const theirs = recorded.values();
  for (const step of one.steps) {
    const faults = await perform(
      place,
      step,
      kept,
      'endpoint' in step ? theirs.next().value?.text : undefined,
    );
    if (faults.length > 0) {
      throw new Error(faults.join('\n'));
    }
  }
}
