// What the bucket storages need of an object store: four requests, each tried once, and an
// honest word on what a failure means. Sequence and repetition are in bucket-storage.ts.

export interface StoredObject {
  readonly bytes: Buffer;
  /** What a later `put` may demand: an ETag or a generation. Differs for other bytes; need not be equal for equal ones. */
  readonly mark: string;
}

export type Condition =
  | { readonly is: "absent" }
  | { readonly is: "holds"; readonly mark: string };

export interface ObjectHeaders {
  readonly contentType: string;
  readonly cacheControl: string;
}

export interface Bucket {
  /** Reads after "in": `bucket "metadata" of https://…`. */
  readonly where: string;
  /** What to grant when a name that is not there is answered 403. */
  readonly missingHint: string;

  /** @throws BucketFault */
  get(key: string, maxBytes: number, signal: AbortSignal): Promise<StoredObject | "absent" | "too-large">;
  /** Stores under the condition, or throws. @throws BucketFault `condition`: nothing was stored by this request */
  put(key: string, bytes: Uint8Array, headers: ObjectHeaders, condition: Condition, signal: AbortSignal): Promise<void>;
  /** A key that is not there counts as deleted. @throws BucketFault */
  delete(key: string, signal: AbortSignal): Promise<void>;
  close(): void;
}

/**
 * - `condition`  answered that the condition does not hold (412, and what stands for it)
 * - `unclear`    no answer, or one that leaves open what happened: timeout, reset, 409, 429, 5xx. Worth another try
 * - `denied`     answered that these credentials may not, or there are none
 * - `unsupported` answered that it does not know what was asked (501)
 * - `unable`     answered something another try will not change
 */
export type FaultKind = "condition" | "unclear" | "denied" | "unsupported" | "unable";

export class BucketFault extends Error {
  readonly kind: FaultKind;

  /** `reason` reads after a colon, and holds no secret. */
  constructor(kind: FaultKind, reason: string, cause?: unknown) {
    super(reason, { cause });
    this.name = "BucketFault";
    this.kind = kind;
  }
}

/** What a status says by itself; a driver looks at its store's own codes first. */
export function kindOfStatus(status: number | undefined): FaultKind {
  if (status === 501) return "unsupported";
  if (status === undefined || status === 408 || status === 409 || status === 425 || status === 429 || status >= 500) return "unclear";
  if (status === 412) return "condition";
  return status === 401 || status === 403 ? "denied" : "unable";
}

/** A package that is installed only where it is needed. @throws what `load` threw for another reason */
export async function optionalPackage<T>(name: string, load: () => Promise<T>, missing: (message: string) => Error): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") throw missing(`the package ${name} is not installed: npm install ${name}, beside rstuf`);
    throw error;
  }
}
