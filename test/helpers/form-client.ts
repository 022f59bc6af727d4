import type { Answer } from '../../src/testing/test-client.ts';
import type { TestService } from './server.ts';

/** What browsers send for a page. */
export const ACCEPT = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';

const UNESCAPED: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&amp;': '&',
};

/** Returns a text of HTML as a browser reads it. */
export const unescaped = (text: string): string =>
  text.replaceAll(/&(?:lt|gt|quot|#39|amp);/g, (name) => UNESCAPED[name] ?? name);

/** Returns the values of the hidden fields of a page. */
export const hiddenFields = (page: string): Record<string, string> =>
  Object.fromEntries(
    [...page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(
      ([, name = '', value = '']) => [name, unescaped(value)],
    ),
  );

/** A browser without scripts: keeps cookies, and sends the hidden fields of the last page with its form. */
export type FormClient = Readonly<{
  cookies: Map<string, string>;
  get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Answer>;
  /** Sends a form to a path, without reading a page first. */
  post: (
    path: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>;
  /** Opens a page and sends its form with these values. */
  submit: (path: string, fields?: Readonly<Record<string, string>>, action?: string) => Promise<Answer>;
}>;

export function createFormClient(service: Pick<TestService, 'request'>, host: string): FormClient {
  const cookies = new Map<string, string>();

  const send = async (
    method: string,
    path: string,
    options: Readonly<{ raw?: string; headers?: Readonly<Record<string, string>> }>,
  ): Promise<Answer> => {
    const answer = await service.request(host, method, path, {
      ...options,
      headers: {
        Accept: ACCEPT,
        ...(cookies.size > 0 ? { Cookie: [...cookies].map((pair) => pair.join('=')).join('; ') } : {}),
        ...options.headers,
      },
    });
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') {
        cookies.delete(name);
      } else {
        cookies.set(name, value);
      }
    }
    return answer;
  };

  const get: FormClient['get'] = (path, headers = {}) => send('GET', path, { headers });
  const post: FormClient['post'] = (path, fields, headers = {}) =>
    send('POST', path, {
      raw: new URLSearchParams(fields).toString(),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
    });
  return {
    cookies,
    get,
    post,
    submit: async (path, fields = {}, action = path) =>
      post(action, { ...hiddenFields((await get(path)).text), ...fields }),
  };
}
