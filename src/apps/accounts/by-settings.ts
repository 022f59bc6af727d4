import type { AccountSettings } from './settings.ts';

/** Returns a function that creates a value once for each combination of the settings that it depends on. */
export function bySettings<Name extends keyof AccountSettings, Value>(
  names: readonly Name[],
  create: (settings: Pick<AccountSettings, Name>) => Value,
): (settings: Pick<AccountSettings, Name>) => Value {
  const known = new Map<string, Value>();
  return (settings) => {
    const key = names.map((name) => String(settings[name])).join();
    const value = known.get(key) ?? create(settings);
    known.set(key, value);
    return value;
  };
}
