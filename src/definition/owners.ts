import type pg from 'pg';

/** A mail of an app, as text and HTML. */
export type Mail = Readonly<{
  kind: string;
  to: string;
  from: Readonly<{ name: string; address: string }>;
  subject: string;
  text: string;
  html: string;
  /** The link that the recipient should follow, or null. A secret. */
  link: string | null;
}>;

/** Sends mail for other apps. */
export type Mailer = Readonly<{
  send: (mail: Mail) => Promise<void>;
  /** The sender's address. */
  from: string;
  /** Returns the origin of links for a domain. */
  originOf: (domain: string) => string;
}>;

/** The first user of a new tenant: a JSON value that only the app which prepared it reads. */
export type PreparedOwner = Readonly<Record<string, string>>;

/** The part of the service of an app with users that other apps call. */
export type OwnerService = Readonly<{
  /**
   * Checks and hashes the credentials of the first user of a tenant.
   *
   * @throws ValidationFailed on `email` or `password`
   * @throws Unavailable `overloaded`
   */
  prepareOwner: (given: Readonly<{ email: string; password: string }>) => Promise<PreparedOwner>;
  /** Null: no mail is sent. */
  mailer: Mailer | null;
}>;

/** Functions of an app with users, called as the owner of a tenant's tables and inside the tenant. */
export type Owners = Readonly<{
  /** Adds the first user, who has every right. The address must be confirmed. */
  addOwner: (client: pg.ClientBase, owner: PreparedOwner) => Promise<void>;
  /** Whether `addOwner` has added this user. */
  hasOwner: (client: pg.ClientBase, owner: PreparedOwner) => Promise<boolean>;
  /** Returns those of the lowercase addresses that an active user has. */
  findAddresses: (client: pg.ClientBase, addresses: readonly string[]) => Promise<readonly string[]>;
}>;
