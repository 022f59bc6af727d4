/** What responses contain in place of a secret. */
export const HIDDEN = '(hidden)';

/** Whether the value of a setting may be a secret, by the end of its name: the URL of a page for passwords is none. */
const isSecretSetting = (name: string): boolean => /(?:SECRET|PASSWORD|TOKEN|KEY|CREDENTIAL)S?$/.test(name);

/** Whether a value can be a secret. Switches and numbers are none. */
export const canBeSecret = (value: unknown): boolean =>
  value !== null && !['number', 'boolean', 'undefined'].includes(typeof value);

/** Returns the value of a setting as responses contain it. */
export const shownSetting = (name: string, value: unknown): unknown =>
  isSecretSetting(name) && canBeSecret(value) ? HIDDEN : value;
