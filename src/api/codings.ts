// In which form an immutable file goes out: as it is, or compressed for a client that says it reads that.
//
// Snapshots and bins are hexadecimal and names: a third of their size, or less, compressed. Each form is made
// once, when it is first asked for, and kept while there is room; a busy moment is answered with the file as
// it is rather than with a queue. Only immutable files have other forms: a stored form of timestamp.json would
// not be replaced together with it (rule 27).

export type Coding = "br" | "gzip";

/** @throws whatever keeps it from being made; then the file goes out as it is */
export type Compress = (bytes: Buffer, coding: Coding) => Promise<Buffer>;

/** In this order when a client likes them alike. */
const CODINGS: readonly Coding[] = ["br", "gzip"];
/** Below that a client saves no packet. */
const LEAST_BYTES = 1024;
/** What is kept of all forms together. */
const KEPT_BYTES = 16 * 1024 * 1024;
/** More at a time would take the threads that read files. */
const MOST_AT_ONCE = 2;
/** Codings in one header; a client knows a handful. */
const MOST_LISTED = 32;

/** What `Accept-Encoding` likes best of what there is (RFC 9110, section 12.5.3); undefined: the file as it is. */
export function codingFor(header: string | undefined): Coding | undefined {
  if (header === undefined) return undefined;
  const weights = new Map<string, number>();
  for (const item of header.split(",").slice(0, MOST_LISTED)) {
    const [name = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    const weight = weightOf(parameters);
    if (name !== "" && weight !== undefined) weights.set(name === "x-gzip" ? "gzip" : name, weight);
  }
  const any = weights.get("*") ?? 0;
  const identity = weights.get("identity") ?? 0;
  let best: { readonly coding: Coding; readonly weight: number } | undefined;
  for (const coding of CODINGS) {
    const weight = weights.get(coding) ?? any;
    if (weight > 0 && weight > (best?.weight ?? 0)) best = { coding, weight };
  }
  return best !== undefined && best.weight >= identity ? best.coding : undefined;
}

/** 1 without one; undefined when it is none: such an item counts for nothing. */
function weightOf(parameters: readonly string[]): number | undefined {
  const q = parameters.find((parameter) => parameter.startsWith("q="));
  if (q === undefined) return 1;
  return /^q=(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/.test(q) ? Number(q.slice(2)) : undefined;
}

/** The compressed forms of immutable files, made once. */
export class Forms {
  readonly #compress: Compress;
  readonly #keptBytes: number;
  /** Oldest use first. undefined: it would not be smaller. */
  readonly #kept = new Map<string, Buffer | undefined>();
  readonly #making = new Map<string, Promise<Buffer | undefined>>();
  #bytes = 0;

  constructor(compress: Compress, keptBytes = KEPT_BYTES) {
    this.#compress = compress;
    this.#keptBytes = keptBytes;
  }

  /** @param hash of `bytes`; two files of the same bytes share a form */
  async of(bytes: Buffer, hash: string, coding: Coding): Promise<Buffer | undefined> {
    if (bytes.length < LEAST_BYTES) return undefined;
    const key = `${hash}-${coding}`;
    if (this.#kept.has(key)) {
      const form = this.#kept.get(key);
      this.#kept.delete(key);
      this.#kept.set(key, form);
      return form;
    }
    const making = this.#making.get(key);
    if (making !== undefined) return await making;
    if (this.#making.size >= MOST_AT_ONCE) return undefined;
    const made = this.#make(bytes, coding).then((form) => {
      this.#keep(key, form);
      return form;
    }, () => undefined).finally(() => { this.#making.delete(key); });
    this.#making.set(key, made);
    return await made;
  }

  async #make(bytes: Buffer, coding: Coding): Promise<Buffer | undefined> {
    const form = await this.#compress(bytes, coding);
    return form.length < bytes.length * 0.9 ? form : undefined;
  }

  #keep(key: string, form: Buffer | undefined): void {
    this.#bytes += sizeOf(key, form);
    this.#kept.set(key, form);
    for (const [oldest, old] of this.#kept) {
      if (this.#bytes <= this.#keptBytes) return;
      this.#kept.delete(oldest);
      this.#bytes -= sizeOf(oldest, old);
    }
  }
}

/** What is kept takes room beside its bytes. */
const sizeOf = (key: string, form: Buffer | undefined): number => key.length + 100 + (form?.length ?? 0);
