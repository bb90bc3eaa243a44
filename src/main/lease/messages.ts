import * as z from 'zod/mini';

// What instances say to each other on the lease's socket: JSON objects, one in a line. Releases of different age talk this
// way, so it can only grow by fields that may be missing.
//
//   holder                                   waiting instance
//   {"version":"1.0.0","launched":true,"says":"holding"} ──▶
//                                        ◀── {"version":"1.1.0","launched":false}     asks for the lease
//   {"version":"1.0.0","launched":true,"says":"granted"} ──▶                          takes it and closes
//
// "leaving" in place of "holding", then or later: whoever asks will get it. "refused" answers a request.

const instance = {
  version: z.string(),
  /** Whether the runtime started the instance. */
  launched: z.boolean(),
};

export const request = z.object(instance);
export type Request = z.infer<typeof request>;

export const holderMessage = z.object({
  ...instance,
  says: z.enum(['holding', 'leaving', 'granted', 'refused']),
});
export type HolderMessage = z.infer<typeof holderMessage>;
