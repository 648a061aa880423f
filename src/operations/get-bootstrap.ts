import { readBootstrapState, type BootstrapState } from "./bootstrap-state.ts";
import type { OperationDeps } from "./deps.ts";

/** How far the bootstrap is. */
export function getBootstrap(deps: OperationDeps): Promise<BootstrapState> {
  return readBootstrapState(deps.database);
}
