import { readdir, readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';

import type { Need, Settings } from './case.ts';

/** The parts of a mail that cases check. */
export type Mail = Readonly<{ to: string; subject: string; link: string | null }>;

export type Login = Readonly<{ name: string; email: string; password: string }>;

export type Outgoing = Readonly<{
  headers: Readonly<Record<string, string>>;
  payload: string | undefined;
}>;

/** One server with fixed settings. */
export type TestedServer = Readonly<{
  /** Sends one request to a path below the address of `/users/` and `/jwt/`. */
  send: (method: string, path: string, request: Outgoing) => Promise<ReceivedResponse>;
  /** All mails so far, newest last. Null if the test cannot read them. */
  mails: (() => Promise<readonly Mail[]>) | null;
  staff: Login | null;
  superuser: Login | null;
  /** Inserts an active user. Default: the user is registered, which costs a hash of the password. */
  insertUser?: (login: Login) => Promise<unknown>;
}>;

/** Servers that cases can run against. */
export type Target = Readonly<{
  /** Null if there is no server with these settings. */
  serverFor: (settings: Settings) => Promise<TestedServer> | null;
  /** Requirements of cases that the server does not meet. */
  lacks: readonly Need[];
  close: () => Promise<void>;
}>;

export type ReceivedResponse = Readonly<{
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  body: unknown;
}>;

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * Returns a function that sends requests to the server at `base`. `host`: the Host header, if `base`
 * does not contain it; fetch cannot set it.
 */
export const sendTo =
  (base: string, host: string | null): TestedServer['send'] =>
  (method, path, outgoing) =>
    sendOne({ base, host }, method, path, outgoing);

async function sendOne(
  { base, host }: { base: string; host: string | null },
  method: string,
  path: string,
  { headers, payload }: Outgoing,
): Promise<ReceivedResponse> {
  const url = new URL(base.replace(/\/$/, '') + path);
  const { promise, resolve, reject } = Promise.withResolvers<ReceivedResponse>();
  const outgoing = (url.protocol === 'https:' ? httpsRequest : httpRequest)(
    url,
    {
      method,
      agent: false,
      headers: {
        ...(host === null ? {} : { Host: host }),
        ...(payload === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) }),
        ...headers,
      },
    },
    (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, body: parsed(text) });
      });
    },
  );
  outgoing.on('error', reject);
  outgoing.setTimeout(30_000, () => outgoing.destroy(new Error(`No response to ${method} ${path}`)));
  outgoing.end(payload);
  return promise;
}

/** Reads the mails that a server writes into a folder: a file each, with `To:` and `Subject:` before the text. */
export async function readMails(folder: string): Promise<readonly Mail[]> {
  // The first mail may create the folder.
  const all = await readdir(folder).catch(() => []);
  const names = all.filter((name) => /\.(txt|log|eml)$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folder, name), 'utf8');
      return {
        to: /^To: *(.*)$/im.exec(text)?.[1]?.trim() ?? '',
        subject: /^Subject: *(.*)$/im.exec(text)?.[1]?.trim() ?? '',
        link: /https?:\/\/\S+/.exec(text)?.[0] ?? null,
      };
    }),
  );
}
