import type Router from '@koa/router';

import type { RouteDependencies } from '../../definition/dependencies.ts';
import { type FieldErrors, ValidationFailed } from '../../errors.ts';
import { readBody } from '../../http/body/validate.ts';
import { form, sentText } from '../../http/html/form.ts';
import { createFormTokens } from '../../http/html/form-tokens.ts';
import { html } from '../../http/html/html.ts';
import { page, seeOther } from '../../http/html/page-route.ts';
import { card, sendPage } from '../../http/html/send-page.ts';
import { numberedPage } from '../../http/lists/numbered-page.ts';
import type { Context, State } from '../../http/state.ts';
import { project } from './project.ts';
import { insertProject, projectList } from './queries.ts';

const PATH = '/projects';

/** Returns the query of a link to another page of the list. */
const queryOf = (url: string | null): string | null => (url === null ? null : new URL(url).search);

/** Registers the page of projects, for users who are logged in: a list, and a form that adds one. */
export function projectPages(
  router: Router<State>,
  { stacks, secrets, menu }: Pick<RouteDependencies, 'stacks' | 'secrets' | 'menu'>,
): void {
  const forms = createFormTokens(secrets);

  const show = async (ctx: Context, errors: FieldErrors): Promise<void> => {
    const { count, results, next, previous } = await numberedPage(ctx, projectList(ctx));
    const isStaff = ctx.state.caller?.rights?.isStaff === true;
    const [older, newer] = [queryOf(next), queryOf(previous)];
    sendPage(ctx, {
      status: Object.keys(errors).length > 0 ? 400 : 200,
      title: 'Projects',
      links: menu.filter(({ staffOnly = false }) => isStaff || !staffOnly),
      main: html`${card(
        'Projects',
        html`${count === 0 && html`<p class="quiet">There is no project yet. Add the first one below.</p>`}
<ul class="rows">
${results.map(({ name, description }) => html`<li>${name}${description !== '' && html`<p class="hint">${description.slice(0, 200)}</p>`}</li>`)}
</ul>
${(older ?? newer) !== null && html`<p class="actions">${newer !== null && html`<a href="${PATH}${newer}">Previous page</a>`} ${older !== null && html`<a href="${PATH}${older}">Next page</a>`}</p>`}`,
      )}
<div class="card narrow below"><h2>Add a project</h2>
${form({
  token: forms.field(ctx),
  action: PATH,
  errors,
  button: 'Add the project',
  fields: [
    { name: 'name', label: 'Name', value: sentText(ctx, 'name'), autocomplete: 'off', maxLength: 255 },
    {
      name: 'description',
      label: 'Description',
      value: sentText(ctx, 'description'),
      autocomplete: 'off',
      isOptional: true,
    },
  ],
})}
</div>`,
    });
  };

  page(router, PATH, stacks.paid.browser, {
    GET: (ctx) => show(ctx, {}),
    POST: async (ctx) => {
      forms.check(ctx);
      try {
        const given = readBody(ctx, project.body);
        await ctx.state.tx.one(insertProject(given));
      } catch (error) {
        if (!(error instanceof ValidationFailed)) {
          throw error;
        }
        await show(ctx, error.fields);
        return;
      }
      seeOther(ctx, PATH);
    },
  });
}
