// Generated from ttrpc.proto by generate.ts. Do not edit.
import type { MessageType } from '../protobuf.ts';

export interface Request {
  readonly service: string;
  readonly method: string;
  readonly payload: Uint8Array;
  /** Nanoseconds the caller waits; 0 is no limit. */
  readonly timeoutNano: number;
}
export const Request: MessageType<Request>;

export interface Response {
  /** Absent, or code 0, is success. */
  readonly status: Status | null;
  readonly payload: Uint8Array;
}
export const Response: MessageType<Response>;

/** google.rpc.Status */
export interface Status {
  /** A gRPC status code. */
  readonly code: number;
  readonly message: string;
}
export const Status: MessageType<Status>;
