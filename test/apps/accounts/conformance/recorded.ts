import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';

import type { Case, Step } from './case.ts';
import type { Mail, ReceivedResponse, TestedServer } from './target.ts';
import type { Known } from './try-case.ts';

/** The responses of the real stack to the requests of one case. */
export type Recorded = Readonly<{
  /** Settings and title of the case. */
  key: string;
  /** Hash of the requests. A case with other requests has to be recorded again. */
  requests: string;
  /** The values behind the names in the requests. */
  known: Known;
  responses: ReadonlyArray<Readonly<{ status: number; headers: IncomingHttpHeaders; text: string }>>;
  /** Mails, each with the number of responses before it. */
  mails: ReadonlyArray<Mail & Readonly<{ after: number }>>;
}>;

export const keyOf = ({ settings = {}, title }: Pick<Case, 'settings' | 'title'>): string =>
  `${JSON.stringify(settings)} ${title}`;

const requestOf = (step: Step): unknown =>
  'endpoint' in step
    ? [step.endpoint, step.bearer, step.headers, step.send, step.raw]
    : 'mailTo' in step
      ? [step.mailTo, String(step.subject)]
      : [step.noMailTo, String(step.subject)];

/** Returns the hash of the requests of a case. */
export const requestsOf = ({ caller, steps }: Pick<Case, 'caller' | 'steps'>): string =>
  createHash('sha256')
    .update(JSON.stringify([caller, steps.map(requestOf)]))
    .digest('hex')
    .slice(0, 12);

/** The recorded responses, by the key of their case. */
export function readRecorded(): ReadonlyMap<string, Recorded> {
  const lines = readFileSync(new URL('responses.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n');
  return new Map(lines.map((line) => JSON.parse(line) as Recorded).map((one) => [one.key, one]));
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Returns a server that returns the recorded responses of one case, in their order. */
export function recordedServer({ responses, mails }: Recorded): TestedServer {
  let next = 0;
  return {
    send: async (method, path) => {
      const response = responses[next];
      next += 1;
      if (!response) {
        throw new Error(`${method} ${path} was not recorded`);
      }
      return { ...response, body: parsed(response.text) };
    },
    mails: async () => mails.filter(({ after }) => after <= next),
    staff: null,
    superuser: null,
  };
}

/** Returns the names of members in their order, of an object and of the objects within. */
function orderOf(value: unknown, other: unknown): unknown {
  if (Array.isArray(value)) {
    return Array.isArray(other)
      ? value.slice(0, other.length).map((item, index) => orderOf(item, other[index]))
      : null;
  }
  if (typeof value !== 'object' || value === null || typeof other !== 'object' || other === null) {
    return null;
  }
  const theirs = other as Readonly<Record<string, unknown>>;
  return Object.entries(value)
    .filter(([name]) => Object.hasOwn(theirs, name))
    .map(([name, inner]) => [name, orderOf(inner, theirs[name])]);
}

/** Returns the differences in the order of a response's members from the recorded response. */
export function orderFaults({ body }: Pick<ReceivedResponse, 'body'>, recorded: string): readonly string[] {
  const theirs = parsed(recorded);
  const [left, right] = [JSON.stringify(orderOf(body, theirs)), JSON.stringify(orderOf(theirs, body))];
  return left === right ? [] : [`the members are in another order than in ${recorded}`];
}
