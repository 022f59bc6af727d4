import createClient from 'openapi-fetch';
import { computed, ref } from 'vue';
import type { paths } from './api';

// Empty: the host of this page is the tenant's own.
const baseUrl: string = import.meta.env.VITE_API ?? '';

// The access token is kept in memory only. The refresh token must survive a reload and is shared by tabs.
const access = ref<string | null>(null);
const STORED = 'refresh-token';

export const isLoggedIn = computed(() => access.value !== null);

/** Sends a request. A network failure becomes a response, so that pages show it as any other error. */
async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (request.signal.aborted) {
      throw error;
    }
    return Response.json({ detail: 'The service cannot be reached. Try again later.' }, { status: 503 });
  }
}

/** Sends a request with the access token. If the token has expired, gets the next one and repeats the request. */
async function sendWithToken(request: Request): Promise<Response> {
  const attempt = (): Promise<Response> => {
    const copy = request.clone();
    copy.headers.set('Authorization', `Bearer ${access.value}`);
    return send(copy);
  };
  const response = await attempt();
  return response.status === 401 && (await refresh()) ? attempt() : response;
}

/** The client for requests of a user. */
export const client = createClient<paths>({ baseUrl, fetch: sendWithToken });

/** The client for requests without credentials. */
export const publicClient = createClient<paths>({ baseUrl, fetch: send });

// With AUTH_COOKIES, responses have no refresh token: it is a cookie that scripts cannot read.
function keep(tokens: { access: string; refresh?: string }): void {
  access.value = tokens.access;
  if (tokens.refresh !== undefined) {
    localStorage.setItem(STORED, tokens.refresh);
  }
}

function forget(): void {
  access.value = null;
  localStorage.removeItem(STORED);
}

/** The refresh token, or what AUTH_COOKIES requires instead. Null without a session. */
function refreshCredentials() {
  const token = localStorage.getItem(STORED);
  if (token !== null) {
    return { body: { refresh: token } };
  }
  // Over HTTPS the name begins with __Host-, so that no other subdomain can set it.
  const name = location.protocol === 'https:' ? '__Host-csrftoken' : 'csrftoken';
  const csrf = document.cookie
    .split('; ')
    .find((cookie) => cookie.startsWith(`${name}=`))
    ?.slice(name.length + 1);
  return csrf === undefined ? null : { body: {}, headers: { 'X-CSRFToken': csrf } };
}

export async function logIn(username: string, password: string) {
  const { data, error } = await publicClient.POST('/api/auth/jwt/create/', { body: { username, password } });
  if (data) {
    keep(data);
  }
  return { error };
}

export async function logOut(): Promise<void> {
  const credentials = refreshCredentials();
  if (credentials) {
    await publicClient.POST('/api/auth/jwt/logout/', credentials);
  }
  forget();
}

let refreshing: Promise<boolean> | null = null;

/** Gets the next access token, once for all requests that wait for it. Returns whether there is one. */
export function refresh(): Promise<boolean> {
  refreshing ??= exchange().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function exchange(): Promise<boolean> {
  const credentials = refreshCredentials();
  if (!credentials) {
    forget();
    return false;
  }
  const { data, response } = await publicClient.POST('/api/auth/jwt/refresh/', credentials);
  if (data) {
    keep(data);
  } else if (response.status < 500 && response.status !== 429) {
    // The session has ended. After other errors the token is still valid.
    forget();
  }
  return data !== undefined;
}

// Another tab has logged out.
addEventListener('storage', ({ key, newValue }) => {
  if (key === STORED && newValue === null) {
    access.value = null;
  }
});
