import { type CpusetReading, type CpusetRequest, readCpusets } from './cgroup.ts';
import { hostFiles } from './host-files.ts';
import { type HostReading, readHost } from './host-watch.ts';

/** What the host worker does for the main thread. It keeps nothing between calls, so a new worker can go on at once. */
export interface HostService {
  /** As the function of that name. */
  readHost(marks: string | undefined): Promise<HostReading | undefined>;
  /** As the function of that name, after all earlier calls. */
  readCpusets(requests: readonly CpusetRequest[]): Promise<readonly CpusetReading[]>;
}

/** The service for the host whose root is at `hostRoot`. */
export function hostService(hostRoot: string): HostService {
  const files = hostFiles(hostRoot);
  let reading: Promise<unknown> = Promise.resolve();
  return {
    readHost: async (marks) => readHost(files, marks),
    readCpusets(requests) {
      // One after the other: two at a time would read twice as fast as they should.
      const result = reading.then(() => readCpusets(hostRoot, requests));
      reading = result.catch(() => {});
      return result;
    },
  };
}
