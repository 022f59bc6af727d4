import { formatTime } from './format';

export const NOTHING = '–';

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** The value of a field in an event. */
export function valueText(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    return Object.keys(value).length === 0 ? NOTHING : JSON.stringify(value);
  }
  if (value === undefined || value === null || value === '') {
    return NOTHING;
  }
  return MOMENT.test(String(value)) ? formatTime(String(value)) : String(value);
}
