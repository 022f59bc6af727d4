import type { FieldErrors } from '../../errors.ts';
import { FormBody } from '../body/form-body.ts';
import type { Context } from '../state.ts';
import { type Html, html } from './html.ts';

/** Maximum characters of a value that a form shows again. */
export const MAX_TEXT = 1_000;

/** Returns the text that a form sent in a field, to show it again. Undefined without a form. Never used for passwords. */
export function sentText(ctx: Context, name: string): string | undefined {
  const body = ctx.method === 'POST' ? ctx.state.body() : null;
  const value = body instanceof FormBody ? body.fields.get(name) : undefined;
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : undefined;
}

export type FormField = Readonly<{
  name: string;
  label: string;
  type?: 'text' | 'email' | 'password' | 'hidden';
  value?: string | undefined;
  /** The browser's name of the value. */
  autocomplete?: string;
  hint?: string;
  /** Text behind the field. */
  suffix?: string;
  isOptional?: boolean;
  maxLength?: number;
}>;

const NONE: FieldErrors = {};

/** Returns a labeled field with its errors. */
export function formField(
  { name, label, type = 'text', value, autocomplete, hint, suffix, isOptional = false, maxLength }: FormField,
  errors: FieldErrors = NONE,
): Html {
  if (type === 'hidden') {
    return html`<input type="hidden" name="${name}" value="${value}">`;
  }
  const faults = errors[name] ?? [];
  const described = [
    ...(faults.length > 0 ? [`${name}-fault`] : []),
    ...(hint === undefined ? [] : [`${name}-hint`]),
  ].join(' ');
  const input = html`<input id="${name}" name="${name}" type="${type}"${value !== undefined && html` value="${value}"`}${autocomplete !== undefined && html` autocomplete="${autocomplete}"`}${maxLength !== undefined && html` maxlength="${maxLength}"`}${!isOptional && html` required`}${faults.length > 0 && html` aria-invalid="true"`}${described !== '' && html` aria-describedby="${described}"`}${type !== 'password' && html` autocapitalize="none" spellcheck="false"`}>`;
  return html`<div class="field">
<label for="${name}">${label}</label>
${suffix === undefined ? input : html`<div class="suffixed">${input}<span class="quiet">${suffix}</span></div>`}
${faults.length > 0 && html`<p class="fault" id="${name}-fault">${faults.join(' ')}</p>`}
${hint !== undefined && html`<p class="hint" id="${name}-hint">${hint}</p>`}
</div>`;
}

export const goodNotice = (text: string): Html =>
  html`<div class="notice good" role="status"><p>${text}</p></div>`;

export const badNotice = (text: string): Html =>
  html`<div class="notice bad" role="alert"><p>${text}</p></div>`;

/** Returns the errors of a form that no visible field shows. */
export function otherErrors(fields: readonly FormField[], errors: FieldErrors): Html | null {
  const shown = new Set(fields.filter(({ type }) => type !== 'hidden').map(({ name }) => name));
  const rest = Object.entries(errors).filter(([name]) => !shown.has(name));
  return rest.length === 0 ? null : badNotice(rest.flatMap(([, messages]) => messages).join(' '));
}

/** Returns a form with its fields, errors and button. Without `action` it is sent to the address of the page. */
export const form = ({
  token,
  fields,
  errors = {},
  button,
  action,
}: Readonly<{
  /** The hidden field of `FormTokens`. */
  token: Html;
  fields: readonly FormField[];
  errors?: FieldErrors;
  button: string;
  action?: string;
}>): Html => html`${otherErrors(fields, errors)}
<form method="post"${action !== undefined && html` action="${action}"`}>
${token}
${fields.map((field) => formField(field, errors))}
<p><button type="submit">${button}</button></p>
</form>`;
