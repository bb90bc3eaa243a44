/** What a runtime allows a plugin for a call where it is not told otherwise (NRI's DefaultPluginRequestTimeout), in milliseconds. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 2000;

/** What a runtime needs to update one running container, for which it starts a `runc update`, in milliseconds. */
export const UPDATE_MS = 10;

/**
 * The request timeout that does for so many containers, in milliseconds. One event can make every container change its CPUs, and
 * the runtime applies these updates one by one under its lock, while other events and plugins wait.
 */
export function requestTimeoutFor(containers: number): number {
  return Math.max(DEFAULT_REQUEST_TIMEOUT_MS, containers * UPDATE_MS);
}
