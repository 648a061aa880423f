// How many days a role may live, as people write it.

export const MOST_DAYS = 36_500;

export const isDays = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= MOST_DAYS;
