import type { AccountSettings } from '../../../../src/apps/accounts/settings.ts';
import type { Shape } from './shape.ts';

/** Settings of a case. Default: the standard ones. */
export type Settings = Readonly<Partial<Record<keyof AccountSettings, string | number | boolean>>>;

/**
 * One request and the expected response. `<name>` in a path, a header or a body is replaced by a known
 * value: see `Caller` and `keep`.
 */
export type RequestStep = Readonly<{
  /** Method and path, below the address of the accounts. */
  endpoint: string;
  /** The access token. Default: that of `caller`. Null: none. */
  bearer?: string | null;
  headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  send?: unknown;
  /** Sent unchanged. */
  raw?: string;
  status: number;
  /** Default: an empty body. */
  responseBody?: Shape;
  responseHeaders?: Readonly<Record<string, Shape>>;
  /** Reason why Django's response differs. Later steps do not depend on it. */
  difference?: string;
  /** Names for values of the response that later steps use, and their paths in it. */
  keep?: Readonly<Record<string, string>>;
}>;

/** Waits for a mail and keeps the `uid` and `token` of its link, under these names. */
export type Mailed = Readonly<{
  mailTo: string;
  subject: RegExp;
  keep?: Readonly<{ uid: string; token: string }>;
}>;

/** Asserts that no such mail was sent to an address. Follows a mail that was sent later. */
export type NotMailed = Readonly<{ noMailTo: string; subject: RegExp }>;

export type Step = RequestStep | Mailed | NotMailed;

/**
 * The user that sends the requests. A `newcomer` is registered for the case: `<id>`, `<name>`, `<email>`,
 * `<password>`, `<access>` and `<refresh>` are its values. The `resident` is shared and not changed. Its
 * values are `<resident.name>` and so on, in every case. `inactive` is registered but not activated.
 * `staff` and `superuser` exist already.
 */
export type Caller = 'nobody' | 'resident' | 'newcomer' | 'inactive' | 'staff' | 'superuser';

export type Need = 'mail' | 'staff' | 'superuser';

export type Case = Readonly<{
  /** A sentence. */
  title: string;
  settings?: Settings;
  caller?: Caller;
  needs?: readonly Need[];
  /** Reason why Djoser or SimpleJWT differ, or have no such endpoint. */
  difference?: string;
  steps: readonly Step[];
}>;
