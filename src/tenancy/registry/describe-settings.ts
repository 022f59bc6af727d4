import { type Rate, rateText } from './setting-fields.ts';
import { effectiveSettings, type SettingsSchema } from './tenant-settings.ts';

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
function writtenAs(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => (item instanceof RegExp ? sourceOf(item) : String(item))).join(' ');
  }
  return value === null || typeof value === 'object' ? rateText(value as Rate | null) : value;
}

/**
 * Returns every setting that a tenant may override, in the order of their declaration.
 *
 * @throws OperatorError `configuration_invalid` for overrides that this release does not accept
 */
export function describeSettings(
  schema: SettingsSchema,
  defaults: Readonly<Record<string, unknown>>,
  tenant: { isSite: boolean },
  overrides: Readonly<Record<string, unknown>>,
): readonly DescribedSetting[] {
  const effective = effectiveSettings(schema, defaults, tenant, overrides);
  const without = effectiveSettings(schema, defaults, tenant, {});
  return Object.keys(schema.shape).map((name) => ({
    name,
    value: writtenAs(effective[name]),
    default: writtenAs(without[name]),
    is_overridden: Object.hasOwn(overrides, name),
  }));
}
