/** Returns a number with a noun whose plural ends in s, such as "1 row" or "2 rows". */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
