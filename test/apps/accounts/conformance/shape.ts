import jwt from 'jsonwebtoken';

/** Returns the error of a value, or null. */
export type Rule = (value: unknown) => string | null;

/** An expected value. Rules replace values that are not known, and objects have all their members. */
export type Shape =
  | Rule
  | string
  | number
  | boolean
  | null
  | readonly Shape[]
  | { readonly [name: string]: Shape };

const rule =
  (what: string, isRight: (value: unknown) => boolean): Rule =>
  (value) =>
    isRight(value) ? null : `is ${JSON.stringify(value)}, not ${what}`;

export const aText = rule('a text', (value) => typeof value === 'string' && value !== '');
export const anId = rule('an id', (value) => Number.isSafeInteger(value) && Number(value) > 0);
export const aTime = rule(
  'a time in UTC',
  (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value),
);
export const aKey = rule('40 hexadecimal digits', (value) => /^[0-9a-f]{40}$/.test(String(value)));
export const matching = (pattern: RegExp): Rule =>
  rule(`like ${pattern}`, (value) => typeof value === 'string' && pattern.test(value));

/** A rule with a shape that may contain values of the case. */
type Inner = Rule & Readonly<{ shape: Shape; about: (shape: Shape) => Rule }>;
const about = (make: (shape: Shape) => Rule, shape: Shape): Inner =>
  Object.assign((value: unknown) => make(shape)(value), {
    shape,
    about: (known: Shape) => about(make, known),
  });
export const isInner = (value: unknown): value is Inner => typeof value === 'function' && 'shape' in value;

/** A list that contains such a value, among others. */
export const listWith = (shape: Shape): Rule =>
  about(
    (known) =>
      rule(`with ${JSON.stringify(known)}`, (value) =>
        Array.isArray(value) ? value.some((item) => faultsOf(known, item).length === 0) : false,
      ),
    shape,
  );

/** A token with SimpleJWT's claims, valid for `lifetime` seconds. */
export const aToken = (type: 'access' | 'refresh', lifetime: number): Rule =>
  rule(`an ${type} token of ${lifetime} s`, (value) => {
    const claims = typeof value === 'string' ? jwt.decode(value, { json: true }) : null;
    return (
      claims !== null &&
      claims.token_type === type &&
      typeof claims.jti === 'string' &&
      typeof claims.user_id === 'string' &&
      claims.exp !== undefined &&
      claims.iat !== undefined &&
      claims.exp - claims.iat === lifetime
    );
  });

/** `Allow` with these methods. HEAD and OPTIONS depend on the server. */
export const allows = (...methods: readonly string[]): Rule =>
  rule(`Allow: ${methods.join(', ')}`, (value) => {
    const named = String(value ?? '')
      .split(/,\s*/)
      .filter((method) => !['', 'HEAD', 'OPTIONS'].includes(method));
    return named.toSorted().join() === methods.toSorted().join();
  });

/** Whether the tested server has the intended differences of koa-tenants. */
export const isOurDialect = process.env.CONFORMANCE_DIALECT !== 'django';

/** A value that Django words differently or omits. */
export const ours = (shape: Shape): Rule => {
  const check: Rule = (value) => (isOurDialect ? (faultsOf(shape, value)[0] ?? null) : null);
  return check;
};

/** Returns all errors of a value. */
export function faultsOf(shape: Shape, value: unknown, at = 'it'): readonly string[] {
  if (typeof shape === 'function') {
    const fault = shape(value);
    return fault === null ? [] : [`${at} ${fault}`];
  }
  if (typeof shape !== 'object' || shape === null) {
    return value === shape ? [] : [`${at} is ${JSON.stringify(value)}, not ${JSON.stringify(shape)}`];
  }
  if (Array.isArray(shape)) {
    return Array.isArray(value) && value.length === shape.length
      ? shape.flatMap((item, index) => faultsOf(item, value[index], `${at}[${index}]`))
      : [`${at} is ${JSON.stringify(value)}, not a list of ${shape.length}`];
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [`${at} is ${JSON.stringify(value)}, not an object`];
  }
  const members = value as Readonly<Record<string, unknown>>;
  const unexpected = Object.keys(members).filter((name) => !Object.hasOwn(shape, name));
  return [
    ...unexpected.map((name) => `${at} has ${name}, which is not documented`),
    ...Object.entries(shape as Readonly<Record<string, Shape>>).flatMap(([name, inner]) =>
      faultsOf(inner, members[name], `${at}.${name}`),
    ),
  ];
}
