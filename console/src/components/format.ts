const time = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const number = new Intl.NumberFormat();
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** A moment in the time zone of the browser. */
export const formatTime = (value: string | null | undefined): string =>
  value ? time.format(new Date(value)) : '–';

/** A day, or the day of a moment in the time zone of the browser. */
export const formatDay = (value: string | null | undefined): string =>
  // Without a time, `Date` reads a day as midnight in UTC, which is the day before in some time zones.
  value ? day.format(new Date(value.includes('T') ? value : `${value}T00:00:00`)) : '–';

export const formatNumber = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : number.format(value);

export function formatBytes(value: number | string | null | undefined): string {
  if (value === null || value === undefined) {
    return '–';
  }
  let amount = Number(value);
  let unit = 0;
  while (amount >= 1000 && unit < UNITS.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${UNITS[unit]}`;
}

/** `start-maintenance` becomes `Start maintenance`. */
export function formatName(value: string): string {
  const text = value.replaceAll(/[-_]/g, ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
