import type { Mail } from '../../definition/owners.ts';
import { type Html, html } from '../../http/html/html.ts';

type Text = Readonly<{ kind: string; subject: string; lines: readonly string[]; links: readonly MailLink[] }>;
type MailLink = Readonly<{ text: string; url: string }>;

const IGNORE = 'If you did not request this, ignore this message.';

/** Removes line breaks and control characters, which would start a header or a paragraph. */
const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();

const paragraph = (content: string | Html): Html => html`<p>${content}</p>\n`;

function compose(to: string, from: Mail['from'], { kind, subject, lines, links }: Text): Mail {
  const body = html`${lines.map(paragraph)}${links.map(({ text, url }) => paragraph(html`${text}<a href="${url}">${url}</a>`))}${paragraph(IGNORE)}`;
  return {
    kind,
    to,
    from,
    subject,
    text: `${[...lines, ...links.map(({ text, url }) => `${text}${url}`), IGNORE].join('\n\n')}\n`,
    html: html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${subject}</title></head>
<body>
${body}</body>
</html>
`.toString(),
    link: links.length === 1 ? (links[0]?.url ?? null) : null,
  };
}

/** Returns the mail that confirms the address of a sign-up. */
export const confirmationMail = (
  to: string,
  from: Mail['from'],
  { name, url }: Readonly<{ name: string; url: string }>,
): Mail =>
  compose(to, from, {
    kind: 'signup',
    subject: `Confirm your address for ${from.name}`,
    lines: [
      `A workspace named ${oneLine(name)} was requested with this address. Follow this link within 24 hours to create it:`,
    ],
    links: [{ text: '', url }],
  });

/** Returns the mail that lists the workspaces of an address. */
export const workspacesMail = (
  to: string,
  from: Mail['from'],
  workspaces: ReadonlyArray<Readonly<{ name: string; url: string }>>,
): Mail =>
  compose(to, from, {
    kind: 'workspaces',
    subject: `Your workspaces on ${from.name}`,
    lines: ['This address has an account in these workspaces:'],
    links: workspaces.map(({ name, url }) => ({ text: `${oneLine(name)}: `, url })),
  });
