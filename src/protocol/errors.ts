/** The other side sent bytes that break the framing or the protocol; the connection was closed because of it. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code = 'NRI_PROTOCOL';
}

/** The connection is gone: a call on it was pending or made too late. `cause` says why, where there is a reason. */
export class ConnectionClosedError extends Error {
  override readonly name = 'ConnectionClosedError';
  readonly code = 'NRI_CONNECTION_CLOSED';
}

/** No answer to a call came in time. The other side may still act on it. */
export class CallTimeoutError extends Error {
  override readonly name = 'CallTimeoutError';
  readonly code = 'NRI_CALL_TIMEOUT';
}

/** The gRPC status codes that appear in this protocol. */
export const StatusCode = {
  OK: 0,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
} as const;

/**
 * A call was answered with an error. Received from the other side it holds its status and message; thrown in a handler it
 * chooses the status of the answer (any other error is answered as UNKNOWN).
 */
export class TtrpcStatusError extends Error {
  override readonly name = 'TtrpcStatusError';
  readonly code = 'NRI_STATUS';
  /** A gRPC status code, not necessarily one of `StatusCode`. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
