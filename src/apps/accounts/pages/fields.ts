import { FormBody } from '../../../http/body/form-body.ts';
import type { Context } from '../../../http/state.ts';

/** Returns the text that a form sent in a field, to show it again. Undefined without a form. Never used for passwords. */
export function sentText(ctx: Context, name: string): string | undefined {
  if (ctx.method !== 'POST') {
    return undefined;
  }
  const body = ctx.state.body();
  const value = body instanceof FormBody ? body.fields.get(name) : undefined;
  return typeof value === 'string' ? value.slice(0, 1_000) : undefined;
}
