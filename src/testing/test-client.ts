import { type Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';

export type Answer = Readonly<{
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The text parsed as JSON. Undefined when it is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they expect it to be
  body: any;
}>;

export type RequestOptions = Readonly<{
  /** Sent as a bearer token. */
  token?: string | undefined;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  /** Sent unchanged, in place of `body`. */
  raw?: string | Buffer;
  /** Shares one connection between requests. */
  agent?: Agent;
}>;

const TIMEOUT_MS = 60_000;

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Sends one request to a port of this machine. The Host header is the tenant's, which fetch cannot set. */
export async function sendRequest(
  port: number,
  host: string,
  method: string,
  path: string,
  { token, body, headers = {}, raw, agent }: RequestOptions = {},
): Promise<Answer> {
  const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = Promise.withResolvers<Answer>();
  const outgoing = httpRequest(
    {
      host: '127.0.0.1',
      port,
      method,
      path,
      agent: agent ?? false,
      headers: {
        Host: host,
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        ...(payload === undefined
          ? {}
          : {
              'Content-Type': 'application/json',
              ...('Transfer-Encoding' in headers ? {} : { 'Content-Length': Buffer.byteLength(payload) }),
            }),
        ...headers,
      },
    },
    (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', response.reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        response.resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text,
          body: parsed(text),
        });
      });
    },
  );
  outgoing.on('error', response.reject);
  // A request without a response fails with a clear error instead of blocking the test run.
  outgoing.setTimeout(TIMEOUT_MS, () => outgoing.destroy(new Error(`No response to ${method} ${path}`)));
  outgoing.end(payload);
  return response.promise;
}

type Options = Omit<RequestOptions, 'token' | 'body'>;

/** Sends requests to one host. Bodies are sent as JSON. */
export type TestClient = Readonly<{
  get: (path: string, options?: Options) => Promise<Answer>;
  post: (path: string, body?: unknown, options?: Options) => Promise<Answer>;
  put: (path: string, body?: unknown, options?: Options) => Promise<Answer>;
  patch: (path: string, body?: unknown, options?: Options) => Promise<Answer>;
  delete: (path: string, options?: Options) => Promise<Answer>;
  /** Sends any method. */
  request: (method: string, path: string, options?: RequestOptions) => Promise<Answer>;
}>;

/** @param headers sent with every request, such as `{ Authorization: 'Bearer …' }` */
export function createTestClient(
  port: number,
  host: string,
  headers: Readonly<Record<string, string>> = {},
): TestClient {
  const request: TestClient['request'] = (method, path, options = {}) =>
    sendRequest(port, host, method, path, { ...options, headers: { ...headers, ...options.headers } });
  return {
    get: (path, options) => request('GET', path, options),
    post: (path, body, options) => request('POST', path, { ...options, body }),
    put: (path, body, options) => request('PUT', path, { ...options, body }),
    patch: (path, body, options) => request('PATCH', path, { ...options, body }),
    delete: (path, options) => request('DELETE', path, options),
    request,
  };
}
