import { type Rate, rateText } from './setting-fields.ts';
import { effectiveSettings, parseOverrides, type SettingsSchema } from './tenant-settings.ts';

/** A setting of a tenant, with the value in effect. */
export type DescribedSetting = Readonly<{
  name: string;
  value: unknown;
  /** The value without the tenant's own. */
  default: unknown;
  is_overridden: boolean;
}>;

/** Returns a pattern as it was given: `originPatterns` adds anchors. */
const sourceOf = ({ source }: RegExp): string => source.replace(/^\^\(\?:(.*)\)\$$/s, '$1');

/** Returns a value as text that the setting accepts. Other objects, and null, are rates. */
export function writtenAs(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => (item instanceof RegExp ? sourceOf(item) : String(item))).join(' ');
  }
  return value === null || typeof value === 'object' ? rateText(value as Rate | null) : value;
}

/** Whether this release accepts an override. */
function isAccepted(schema: SettingsSchema, name: string, value: unknown): boolean {
  try {
    parseOverrides(schema, { [name]: value });
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns every setting that a tenant may override, in the order of their declaration, and then overrides that this
 * release does not have. An override that this release does not accept is returned as it is stored.
 */
export function describeSettings(
  schema: SettingsSchema,
  defaults: Readonly<Record<string, unknown>>,
  tenant: { isSite: boolean },
  overrides: Readonly<Record<string, unknown>>,
): readonly DescribedSetting[] {
  const accepted = Object.entries(overrides).filter(([name, value]) => isAccepted(schema, name, value));
  const names = Object.keys(schema.shape);
  const effective: Readonly<Record<string, unknown>> = effectiveSettings(
    schema,
    defaults,
    tenant,
    Object.fromEntries(accepted),
  );
  const without: Readonly<Record<string, unknown>> = effectiveSettings(schema, defaults, tenant, {});
  const isStored = (name: string): boolean =>
    Object.hasOwn(overrides, name) && !accepted.some(([other]) => other === name);
  return [...names, ...Object.keys(overrides).filter((name) => !names.includes(name))].map((name) => ({
    name,
    value: isStored(name) ? overrides[name] : writtenAs(effective[name]),
    default: names.includes(name) ? writtenAs(without[name]) : null,
    is_overridden: Object.hasOwn(overrides, name),
  }));
}
