import type { RequestStep } from './case.ts';
import { aText, aToken, ours, type Shape } from './shape.ts';

type Expected = Pick<RequestStep, 'status' | 'responseBody' | 'responseHeaders'>;

export const REQUIRED = 'This field is required.';
export const NULL = 'This field may not be null.';
export const BLANK = 'This field may not be blank.';
export const NO_STRING = 'Not a valid string.';
export const NUL = 'Null characters are not allowed.';
export const NO_EMAIL = 'Enter a valid email address.';
export const INVALID_USERNAME =
  'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.';

/** A password that all rules accept, different from that of the tests' users. */
export const FRESH = 'a rather different horse staple';

const challenge = { 'www-authenticate': 'Bearer realm="api"' };

export const invalid = (fields: Readonly<Record<string, string | readonly string[]>>): Expected => ({
  status: 400,
  responseBody: Object.fromEntries(
    Object.entries(fields).map(([name, messages]) => [name, [messages].flat()]),
  ),
});
/** 401 for an invalid token in the Authorization header. */
export const badToken = (message: string): Expected => ({
  status: 401,
  responseBody: {
    detail: 'Given token not valid for any token type',
    code: 'token_not_valid',
    messages: [{ token_class: 'AccessToken', token_type: 'access', message }],
  },
  responseHeaders: challenge,
});
/** 401 for an invalid token in the request's body. */
export const badTokenSent = (message: string): Expected => ({
  status: 401,
  responseBody: { detail: message, code: 'token_not_valid' },
  responseHeaders: challenge,
});
export const unauthorized = (code: string, detail: Shape): Expected => ({
  status: 401,
  responseBody: { detail, code: ours(code) },
  responseHeaders: challenge,
});
export const anonymous = unauthorized('not_authenticated', 'Authentication credentials were not provided.');
export const noActiveAccount = unauthorized(
  'no_active_account',
  'No active account found with the given credentials',
);
export const forbidden = (
  detail: Shape = 'You do not have permission to perform this action.',
): Expected => ({
  status: 403,
  responseBody: { detail, code: ours('permission_denied') },
});
export const notFound: Expected = { status: 404, responseBody: { detail: ours('Not found.') } };
export const noContent: Expected = { status: 204 };

export const user = (id: Shape = '<id>', username: Shape = '<name>', email: Shape = '<email>'): Shape => ({
  id,
  username,
  email,
});
export const pair = (access = 300, refresh = 86_400): Shape => ({
  access: aToken('access', access),
  refresh: aToken('refresh', refresh),
});

/** Logs in with a name or an address and a password. */
export const logIn = (
  login: string,
  password: string,
  { field = 'username', good = true }: { field?: 'username' | 'email'; good?: boolean } = {},
): RequestStep => ({
  endpoint: 'POST /jwt/create/',
  bearer: null,
  send: { [field]: login, password },
  ...(good ? { status: 200, responseBody: { access: aText, refresh: aText } } : noActiveAccount),
});
/** Reads the caller's own account. */
export const me = (expected: Expected, bearer?: string): RequestStep => ({
  endpoint: 'GET /users/me/',
  ...(bearer === undefined ? {} : { bearer }),
  ...expected,
});
