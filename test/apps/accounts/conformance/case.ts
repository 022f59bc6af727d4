import type { AccountSettings } from '../../../../src/apps/accounts/settings.ts';
import type { Shape } from './shape.ts';

/** Settings under which a case holds; those that are left out are the standard ones. */
export type Settings = Readonly<Partial<Record<keyof AccountSettings, string | number | boolean>>>;

/**
 * One request and what it is answered. `<name>` in a path, a header or a body
 * stands for what is known by then: see `Who`, and `keep`.
 */
export type Asking = Readonly<{
  /** Method and path, below the address of the accounts. */
  ask: string;
  /** The access token. Left out: that of who asks; null: none. */
  bearer?: string | null;
  headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  send?: unknown;
  /** Sent as it is. */
  raw?: string;
  status: number;
  /** Left out: an empty body. */
  answer?: Shape;
  answerHeaders?: Readonly<Record<string, Shape>>;
  /** Why Django answers otherwise. The steps that follow do not depend on it. */
  particular?: string;
  /** Names to remember for the steps that follow, and where they stand in the answer. */
  keep?: Readonly<Record<string, string>>;
}>;

/** Waits for a mail and keeps the `uid` and `token` of its link, under these names. */
export type Mailed = Readonly<{
  mailTo: string;
  subject: RegExp;
  keep?: Readonly<{ uid: string; token: string }>;
}>;

/** Says that nobody has written to an address about this. Stands after a mail that was sent later. */
export type NotMailed = Readonly<{ noMailTo: string; subject: RegExp }>;

export type Step = Asking | Mailed | NotMailed;

/**
 * Who asks. A newcomer is made for this case alone: `<id>`, `<name>`, `<email>`,
 * `<password>`, `<access>`, `<refresh>` are theirs. The resident is shared, and
 * stays as it is; its names are known to every case as `<resident.name>` and so on.
 * `inactive` has registered and no more. `staff` and `superuser` were there before.
 */
export type Who = 'nobody' | 'resident' | 'newcomer' | 'inactive' | 'staff' | 'superuser';

export type Need = 'mail' | 'staff' | 'superuser';

export type Case = Readonly<{
  /** A sentence. */
  what: string;
  settings?: Settings;
  who?: Who;
  needs?: readonly Need[];
  /** Why Djoser or SimpleJWT answers otherwise, or has nothing like it. */
  particular?: string;
  steps: readonly Step[];
}>;
