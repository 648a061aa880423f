/**
 * The own member `key` of `record`, or undefined. For records whose member names come
 * from outside: `record["toString"]` would find what every object inherits.
 */
export function own<V>(record: { readonly [key: string]: V } | undefined, key: string): V | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
