import { canBeSecret, HIDDEN } from '../registry/secret-settings.ts';

/** Names of values that may be secrets, as in the audit of settings: `tenancy.audited_tenant`. */
const SECRET = /secret|password|token|key|credential/i;

const hide = (name: string, value: unknown): unknown =>
  SECRET.test(name) && canBeSecret(value) ? HIDDEN : hideSecrets(value);

/**
 * Returns a value with `(hidden)` in place of texts, lists and objects whose names may be those of secrets, such as the
 * value of a setting `…_SECRET`. For responses and the audit.
 */
export function hideSecrets<T>(value: T): T {
  if (Array.isArray(value)) {
    return value.map(hideSecrets) as T;
  }
  return typeof value === 'object' && value !== null
    ? (Object.fromEntries(Object.entries(value).map(([name, member]) => [name, hide(name, member)])) as T)
    : value;
}
