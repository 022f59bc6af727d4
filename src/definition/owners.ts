import type pg from 'pg';
import { z } from 'zod';

import type { Query } from '../http/lists/parameters.ts';
import type { TenantTransaction } from '../tenancy/context/with-tenant.ts';
import type { ResolvedTenant } from '../tenancy/registry/tenant.ts';

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

/** A user of a tenant, as operators see it. */
export const operatedMember = z
  .object({
    id: z.int(),
    username: z.string(),
    email: z.string(),
    first_name: z.string(),
    last_name: z.string(),
    is_active: z.boolean(),
    is_staff: z.boolean(),
    is_superuser: z.boolean(),
    last_login: z.date().nullable(),
    date_joined: z.date(),
  })
  .meta({ id: 'OperatedMember' });
export type Member = Readonly<z.infer<typeof operatedMember>>;

/** The mail of one tenant that is not sent yet. */
export type MailCounts = Readonly<{
  waiting: number;
  /** Mails that are not tried again. */
  failed: number;
  /** When the oldest of them was created. */
  oldest_at: Date | null;
  /** When a waiting mail is tried next. */
  next_at: Date | null;
  /** The newest error of the mail server. */
  last_error: string | null;
}>;

/**
 * The users and the mail of any tenant, for operators. Each function but `usernameOf` runs a transaction of its own
 * inside the tenant.
 *
 * @throws Unavailable `tenant_maintenance`
 */
export type MemberService = Readonly<{
  /** The kinds of due work that list the tenants with waiting and with failed mail. */
  mailWork: Readonly<{ waiting: string; failed: string }>;
  /** Returns a page of the users, by `?search=`. `windowOf` is called with the number of all that match. */
  listMembers: (
    tenant: ResolvedTenant,
    page: Readonly<{
      query: Query;
      windowOf: (count: number) => Readonly<{ limit: number; offset: number }>;
    }>,
  ) => Promise<Readonly<{ count: number; rows: readonly Member[] }>>;
  /**
   * Returns a user to whom a link to reset the password can be mailed. Null: no user has the id.
   *
   * @throws ApiError `conflict` if the user cannot use a link
   */
  findResettable: (
    tenant: ResolvedTenant,
    id: string,
  ) => Promise<Readonly<{ id: number; username: string }> | null>;
  /**
   * Mails the usual link to reset the password to a user. The caller never receives the link.
   *
   * @throws ApiError `conflict` if the user cannot use a link
   */
  sendPasswordReset: (tenant: ResolvedTenant, id: string) => Promise<void>;
  countMail: (tenant: ResolvedTenant) => Promise<MailCounts>;
  /** Makes failed mails due again. Returns their number. */
  retryMail: (tenant: ResolvedTenant) => Promise<number>;
  /** Returns the username of a user of the transaction's tenant. Empty if there is none. */
  usernameOf: (tx: TenantTransaction, userId: string) => Promise<string>;
}>;

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
  /** Null: the app does not offer its users to operators. */
  members: MemberService | null;
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
