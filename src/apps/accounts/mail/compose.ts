import escapeHtml from 'escape-html';
import type { Mail } from '../../../definition/owners.ts';
import type { Account } from '../users/account-queries.ts';
import type { MailKind } from './outbox-queries.ts';

type Facts = Readonly<{
  /** The tenant's display name. */
  site: string;
  from: string;
  to: string;
  account: Pick<Account, 'username'>;
  /** The link to follow. Null for a notification. */
  link: string | null;
}>;

type MailText = Readonly<{ subject: string; lines: readonly string[]; after: readonly string[] }>;

const IGNORE = 'If you did not request this, ignore this message. Nothing changes unless the link is used.';

const textOf = (kind: MailKind, site: string, name: string): MailText => {
  switch (kind) {
    case 'activation':
    case 'resend_activation':
      return {
        subject: `Account activation on ${site}`,
        lines: [`Welcome to ${site}, ${name}. Follow this link to activate your account:`],
        after: [IGNORE],
      };
    case 'confirmation':
      return {
        subject: `${site} - Your account has been successfully created and activated!`,
        lines: [`Your account ${name} on ${site} is ready to use.`],
        after: [],
      };
    case 'password_reset':
      return {
        subject: `Password reset on ${site}`,
        lines: [
          `A password reset was requested for your account on ${site}. Follow this link to choose a new password:`,
        ],
        after: [`Your username, in case you have forgotten it: ${name}.`, IGNORE],
      };
    case 'password_changed':
      return {
        subject: `${site} - Your password has been successfully changed!`,
        lines: [`The password of your account ${name} on ${site} was changed.`],
        after: ["If you did not do this, request a new password now and contact the site's support."],
      };
    case 'username_reset':
      return {
        subject: `Username reset on ${site}`,
        lines: [
          `A change of your login name was requested on ${site}. Follow this link to choose a new one:`,
        ],
        after: [`The current one is ${name}.`, IGNORE],
      };
    case 'username_changed':
      return {
        subject: `${site} - Your username has been successfully changed!`,
        lines: [`Your login name on ${site} was changed to ${name}.`],
        after: ["If you did not do this, contact the site's support."],
      };
  }
};

/**
 * Removes line breaks and control characters. Names come from users, and a line break would start
 * a header or a paragraph.
 */
const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();

/** Returns one of Djoser's six mails, as text and as HTML. */
export function compose(kind: MailKind, { site, from, to, account, link }: Facts): Mail {
  const name = oneLine(site);
  const { subject, lines, after } = textOf(kind, name, oneLine(account.username));
  const signature = `The ${name} team`;
  const paragraphs = [...lines, ...(link ? [link] : []), ...after, signature];
  const html = [
    ...lines.map((line) => `<p>${escapeHtml(line)}</p>`),
    ...(link ? [`<p><a href="${escapeHtml(link)}">${escapeHtml(link)}</a></p>`] : []),
    ...[...after, signature].map((line) => `<p>${escapeHtml(line)}</p>`),
  ];
  return {
    kind,
    to,
    from: { name, address: from },
    subject,
    text: `${paragraphs.join('\n\n')}\n`,
    html: `<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head>\n<body>\n${html.join('\n')}\n</body>\n</html>\n`,
    link,
  };
}
