import { checkedText } from '../../../http/fields/text.ts';

/** Names that would imitate the service or a standard host. Also names that mail servers and browsers look up. */
const RESERVED: ReadonlySet<string> = new Set(
  `about abuse accounts account activate admin administrator api app apps assets auth autoconfig autodiscover billing
  blog cdn chat community console contact dashboard demo dev developer developers dns docs download email example ftp
  git global graphql help home hostmaster imap info internal isatap jobs legal local localhost log login logout mail
  mailer-daemon marketing media metrics monitor mta-sts news noreply no-reply ns1 ns2 ns3 ns4 ntp oauth operator owner
  password payment payments pop pop3 portal postmaster pricing privacy production public register reset root sales
  sandbox search security server service settings shop signin signout signup sign-up site smtp sso ssl staging static
  status store support system sysadmin team tenancy tenant tenants terms test testing tls tools unfinished updates
  upload usenet user users uucp vpn web webmail webmaster webhooks wiki wpad www www1 www2 www3`
    .split(/\s+/)
    .filter((name) => name !== ''),
);

const SHORTEST = 3;
const LONGEST = 40;

/** Whether a text can be the first label of a tenant's domain. Letters of other scripts and `xn--` are rejected. */
export const isSlug = (text: string): boolean =>
  text.length >= SHORTEST && text.length <= LONGEST && /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(text);

/** Returns the name of the schema of a new tenant. */
export const schemaOf = (slug: string): string => slug.replaceAll('-', '_');

/** Whether sign-ups with a name are rejected. The engine uses the prefixes for tenants that are not finished. */
export const isReserved = (slug: string, further: readonly string[]): boolean =>
  RESERVED.has(slug) || further.includes(slug) || /^(?:spare|unfinished|pg|xn)-/.test(slug);

/** Creates the field of a name. Capital letters become small. */
export const slugField = (reserved: readonly string[]) =>
  checkedText({ max: LONGEST }, { pattern: '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' }, (given) => {
    const slug = given.toLowerCase();
    if (!isSlug(slug)) {
      return `Use ${SHORTEST} to ${LONGEST} letters from a to z, digits and single hyphens, starting with a letter.`;
    }
    return isReserved(slug, reserved) ? 'This address is reserved. Choose another one.' : null;
  }).transform((slug) => slug.toLowerCase());
