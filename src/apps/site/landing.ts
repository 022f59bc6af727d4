import { type Html, html } from '../../http/html/html.ts';
import type { PageLink } from '../../http/html/send-page.ts';
import type { SiteEnvironment } from './settings.ts';

/** Returns the links in the header of the public site. */
export const linksOf = ({ SIGNUP, FIND_WORKSPACES }: SiteEnvironment): readonly PageLink[] => [
  ...(FIND_WORKSPACES ? [{ href: '/workspaces', text: 'Find my workspace' }] : []),
  ...(SIGNUP === 'open' ? [{ href: '/signup', text: 'Sign up' }] : []),
];

/** Returns the content of the landing page. Edit it: it is the page of your product. */
export const landing = ({
  SIGNUP,
  FIND_WORKSPACES,
  BASE_DOMAIN,
}: SiteEnvironment): Html => html`<div class="hero">
<h1>A workspace for your team</h1>
<p class="lead">Every team works at its own address, with its own users and its own data.</p>
<p class="actions">
${SIGNUP === 'open' && html`<a class="button" href="/signup">Create a workspace</a>`}
${FIND_WORKSPACES && html`<a class="button second" href="/workspaces">Find my workspace</a>`}
</p>
</div>
<ul class="grid">
<li class="card"><h2>Your own address</h2><p class="quiet">The workspace is at <code>team.${BASE_DOMAIN}</code>.</p></li>
<li class="card"><h2>Your own users</h2><p class="quiet">Accounts belong to one workspace. A login is valid there only.</p></li>
<li class="card"><h2>Your own data</h2><p class="quiet">The database keeps the rows of every workspace apart, and checks it with every query.</p></li>
</ul>`;
