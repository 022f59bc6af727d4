import { computed, ref } from 'vue';
import { Failure, failureOf } from './failure';

// The access token is in memory only, and the refresh token in a cookie that scripts cannot read.
const access = ref<string | null>(null);

export const isLoggedIn = computed(() => access.value !== null);

/** Whether the session ended without a logout. The login page shows it. */
export const hasExpired = ref(false);

/** The operator who acts for the user, or null. */
export const actor = computed(() => actorOf(access.value));

/** Returns the claim `act` of an access token. It is shown only: the service checks the token itself. */
function actorOf(token: string | null): string | null {
  const payload = token?.split('.')[1];
  if (payload === undefined) {
    return null;
  }
  const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
    char.charCodeAt(0),
  );
  const claims = JSON.parse(new TextDecoder().decode(bytes)) as { act?: { sub?: unknown } };
  return typeof claims.act?.sub === 'string' ? claims.act.sub : null;
}

/** Tabs of a browser share the cookie, so the logout of one is that of all. */
const tabs = new BroadcastChannel('console-session');
tabs.addEventListener('message', () => {
  access.value = null;
});

const cookieOf = (name: string): string | undefined =>
  document.cookie
    .split('; ')
    .find((cookie) => cookie.startsWith(`${name}=`))
    ?.slice(name.length + 1);

/** Returns the value of the CSRF cookie. Over HTTPS its name begins with `__Host-`, so that no other subdomain can set it. */
const csrfToken = (): string | undefined => cookieOf('__Host-csrftoken') ?? cookieOf('csrftoken');

/** Sends a request. A network failure becomes a response with status 502, as of a proxy that cannot reach the service. */
async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (request.signal.aborted) {
      throw error;
    }
    return new Response(null, { status: 502 });
  }
}

/** Sends a JSON request to a route of sessions, in cookie mode. */
function post(action: string, body: object, csrf?: string): Promise<Response> {
  const headers = new Headers({ 'Content-Type': 'application/json', 'X-Token-Transport': 'cookie' });
  if (csrf !== undefined) {
    headers.set('X-CSRFToken', csrf);
  }
  return send(
    new Request(`/api/auth/jwt/${action}/`, { method: 'POST', headers, body: JSON.stringify(body) }),
  );
}

const bodyOf = (response: Response): Promise<unknown> => response.json().catch(() => null);

/** @throws Failure if the login is rejected */
async function open(action: 'create' | 'impersonate', body: object): Promise<void> {
  const response = await post(action, body);
  const answer = await bodyOf(response);
  if (!response.ok) {
    throw failureOf(response.status, answer);
  }
  access.value = (answer as { access: string }).access;
  hasExpired.value = false;
}

/** @throws Failure if the login is rejected */
export const logIn = (username: string, password: string): Promise<void> =>
  open('create', { username, password });

/**
 * Opens the session of an operator who acts for a user.
 *
 * @throws Failure if the token is not valid
 */
export const actFor = (token: string): Promise<void> => open('impersonate', { token });

export async function logOut(): Promise<void> {
  const csrf = csrfToken();
  if (csrf !== undefined) {
    const response = await post('logout', {}, csrf);
    if (response.status >= 500) {
      throw new Failure('The session could not be ended. Try again.', { status: response.status });
    }
  }
  access.value = null;
  tabs.postMessage('ended');
}

let refreshing: Promise<boolean> | null = null;

/** Gets the next access token, once for all requests that wait for it. Returns whether there is one. */
export function refresh(): Promise<boolean> {
  refreshing ??= inTurn(exchange).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

/** Runs one exchange at a time, because tabs share the cookie that each exchange replaces. Without HTTPS there are no locks. */
const inTurn = async (run: () => Promise<boolean>): Promise<boolean> =>
  navigator.locks ? await navigator.locks.request('console-refresh', run) : run();

async function exchange(): Promise<boolean> {
  const csrf = csrfToken();
  if (csrf === undefined) {
    access.value = null;
    return false;
  }
  const response = await post('refresh', {}, csrf);
  if (response.ok) {
    access.value = ((await bodyOf(response)) as { access: string }).access;
  } else if (response.status < 500 && response.status !== 429) {
    // The session has ended. After other errors the cookie is still valid.
    hasExpired.value = access.value !== null;
    access.value = null;
  }
  return response.ok;
}

/** Sends a request with the access token. If the token has expired, gets the next one and repeats the request. */
export async function sendWithToken(request: Request): Promise<Response> {
  const attempt = (): Promise<Response> => {
    const copy = request.clone();
    if (access.value !== null) {
      copy.headers.set('Authorization', `Bearer ${access.value}`);
    }
    return send(copy);
  };
  const response = await attempt();
  return response.status === 401 && access.value !== null && (await refresh()) ? attempt() : response;
}
