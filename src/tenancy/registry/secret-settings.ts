/** What responses contain in place of a secret. */
export const HIDDEN = '(hidden)';

/** Whether the value of a setting may be a secret, by its name. */
export const isSecretSetting = (name: string): boolean =>
  /(?:SECRET|PASSWORD|TOKEN|KEY|CREDENTIAL)S?$/.test(name);

/** Whether a value can be a secret. Switches and numbers are none. */
export const canBeSecret = (value: unknown): boolean =>
  value !== null && !['number', 'boolean', 'undefined'].includes(typeof value);
