// Numbers and times in words.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `1 artifact`, `12,000 artifacts`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${number(n)} ${n === 1 ? one : many}`;
}

/** `12,000`. */
export function number(n: number): string {
  return n.toLocaleString("en-US");
}

/** `39 bytes`, `1.2 kB`, `3.4 GB`; powers of ten. */
export function bytes(n: number): string {
  if (n < 1000) return count(n, "byte");
  let value = n;
  let unit = "";
  for (const next of ["kB", "MB", "GB", "TB", "PB"]) {
    if (value < 999.95) break;
    value /= 1000;
    unit = next;
  }
  return `${value.toFixed(1)} ${unit}`;
}

/** `45 seconds`, `3 hours`, `12 days`: one unit, rounded down. */
export function duration(ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  if (seconds < 2 * MINUTE) return count(seconds, "second");
  if (seconds < 2 * HOUR) return count(Math.floor(seconds / MINUTE), "minute");
  if (seconds < 2 * DAY) return count(Math.floor(seconds / HOUR), "hour");
  return count(Math.floor(seconds / DAY), "day");
}

/** `in 3 days`, `2 hours ago`. What was given 365 days an instant ago has 365 days, not 364. */
export function fromNow(atMs: number, nowMs: number): string {
  if (atMs < nowMs) return `${duration(nowMs - atMs)} ago`;
  const left = atMs - nowMs;
  const unit = left >= 2 * DAY * 1000 ? HOUR : left >= 2 * HOUR * 1000 ? MINUTE : left >= 2 * MINUTE * 1000 ? 1 : 0;
  return `in ${duration(left + unit * 1000)}`;
}

/** `0:07`, `12:30`, `3:01:00`. */
export function clockTime(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / HOUR), Math.floor((seconds % HOUR) / MINUTE)];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % MINUTE)}` : `${minutes}:${two(seconds % MINUTE)}`;
}
