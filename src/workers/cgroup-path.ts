/** A container's cgroup below the root of a cgroup hierarchy. */
export interface CgroupPath {
  /** Relative to the hierarchy's root, e.g. `kubepods/burstable/pod1/abc`. */
  readonly path: string;
  /** Whether systemd made it; such a cgroup is delegated, and the OCI runtime may keep the container one level below. */
  readonly isUnit: boolean;
}

/**
 * Where a container's cgroup is, from its OCI specification (`linux.cgroupsPath`) and its pod's cgroup parent.
 *
 * - cgroupfs driver: a path from the hierarchy's root, `/kubepods/burstable/pod1/abc`; a relative one is below the parent.
 * - systemd driver: `slice:prefix:name` stands for the unit `prefix-name.scope` in that slice, or for the unit `name` if that
 *   is a slice itself. A slice is inside of those that its name starts with: `a-b.slice` is `a.slice/a-b.slice`. Without a
 *   slice it is in the pod's, else in `system.slice` (runc documentation, "systemd unit name and placement").
 *
 * The parent may be a path in either notation, or the name of a slice alone.
 *
 * @returns undefined for what is neither, or would lead out of the hierarchy
 */
export function containerCgroup(cgroupsPath: string, cgroupParent: string): CgroupPath | undefined {
  if (cgroupsPath.startsWith('/')) return cgroup(folders(cgroupsPath), false);
  const [slice, prefix, name, ...more] = cgroupsPath.split(':');
  if (slice !== undefined && prefix !== undefined && name !== undefined && more.length === 0) {
    return unitCgroup(slice || cgroupParent || 'system.slice', prefix, name);
  }
  if (cgroupsPath === '' || cgroupParent === '') return undefined;
  return cgroup([...folders(cgroupParent), ...folders(cgroupsPath)], false);
}

function unitCgroup(slice: string, prefix: string, name: string): CgroupPath | undefined {
  if (name === '' || `${prefix}${name}`.includes('/')) return undefined;
  return cgroup([...folders(slice), name.endsWith('.slice') ? name : `${prefix}-${name}.scope`], true);
}

/** The folders that a path, or the name of a slice alone, leads through. */
function folders(parent: string): readonly string[] {
  const isSlice = parent.endsWith('.slice') && !parent.includes('/');
  return isSlice ? sliceFolders(parent) : parent.split('/').filter((name) => name !== '');
}

/** The folders of a slice, outermost first (systemd.slice(5)); `-.slice` is the root. */
function sliceFolders(slice: string): readonly string[] {
  if (slice === '-.slice') return [];
  const words = slice.slice(0, -'.slice'.length).split('-');
  return words.map((_, depth) => `${words.slice(0, depth + 1).join('-')}.slice`);
}

function cgroup(path: readonly string[], isUnit: boolean): CgroupPath | undefined {
  const leadsOut = path.some((name) => name === '.' || name === '..' || name.includes('\0'));
  // The root itself is no container's cgroup.
  return leadsOut || path.length === 0 ? undefined : { path: path.join('/'), isUnit };
}
