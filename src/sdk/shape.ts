// Whether what came is an answer of this API: another program may listen there, and answer JSON too.

/** A kind of value; the members an object must have; of a list, what each of it is. */
export type Shape = "string" | "number" | "boolean" | "unknown" | readonly [Shape] | { readonly [member: string]: Shape };

/** The first thing that is missing or of another kind, in words. */
export function faultIn(value: unknown, shape: Shape, path = ""): string | undefined {
  if (shape === "unknown") return undefined;
  const where = path === "" ? "it" : `\`${path}\``;
  if (typeof shape === "string") return typeof value === shape ? undefined : `${where} is no ${shape}`;
  if (isList(shape)) {
    if (!Array.isArray(value)) return `${where} is no list`;
    return firstOf(value.entries(), ([at, item]) => faultIn(item, shape[0], `${path}.${at}`));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return `${where} is no object`;
  return firstOf(Object.entries(shape), ([name, member]) => {
    const below = path === "" ? name : `${path}.${name}`;
    return Object.hasOwn(value, name) ? faultIn((value as Readonly<Record<string, unknown>>)[name], member, below) : `\`${below}\` is missing`;
  });
}

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);

function firstOf<T>(all: Iterable<T>, fault: (each: T) => string | undefined): string | undefined {
  for (const each of all) {
    const found = fault(each);
    if (found !== undefined) return found;
  }
  return undefined;
}
