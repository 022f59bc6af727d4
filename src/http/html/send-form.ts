import type { FieldErrors } from '../../errors.ts';
import type { Context } from '../state.ts';
import { form } from './form.ts';
import { type Html, html } from './html.ts';
import { card, type Page, sendPage } from './send-page.ts';

export type FormPage = Omit<Parameters<typeof form>[0], 'errors'> &
  Pick<Page, 'title' | 'links'> &
  Readonly<{
    /** The sentences above the form. */
    text: string;
    errors: FieldErrors;
    /** Below the form. */
    further?: Html;
  }>;

/** Responds with a page of one form: 400 if the form has errors. */
export function sendForm(ctx: Context, { title, links, text, further, ...fields }: FormPage): void {
  sendPage(ctx, {
    status: Object.keys(fields.errors).length > 0 ? 400 : 200,
    title,
    ...(links ? { links } : {}),
    main: card(
      title,
      html`<p class="quiet">${text}</p>
${form(fields)}
${further ?? null}`,
    ),
  });
}
