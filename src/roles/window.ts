// How long before a role expires its people may be asked for its next version.

/** Days before a role expires from which its people may be asked for its next version, at most. */
export const MOST_WINDOW_DAYS = 3650;

export const isWindow = (days: number): boolean => Number.isInteger(days) && days >= 1 && days <= MOST_WINDOW_DAYS;
