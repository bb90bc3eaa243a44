/** Where containerd has its configuration. */
export const MAIN = 'etc/containerd/config.toml';
export const SECTION = '[plugins."io.containerd.nri.v1.nri"]';
const ADDED = `\n${SECTION}\n  disable = false\n`;

/** Files before, and those that are different or new afterwards. */
export interface ContainerdFiles {
  readonly title: string;
  readonly files: Readonly<Record<string, string>>;
  readonly changed: Readonly<Record<string, string>>;
}

/** The forms that containerd's configuration has on hosts, with what switching NRI on makes of them. */
export const CASES: readonly ContainerdFiles[] = [
  {
    title: 'switched off, as containerd 1.7 writes its defaults',
    files: {
      [MAIN]: `version = 2\n\n[plugins]\n\n  ${SECTION}\n    disable = true # not yet\n    socket_path = "/var/run/nri/nri.sock"\n\n  [plugins."io.containerd.runtime.v1.linux"]\n    disable = true\n`,
    },
    changed: {
      [MAIN]: `version = 2\n\n[plugins]\n\n  ${SECTION}\n    disable = false # not yet\n    socket_path = "/var/run/nri/nri.sock"\n\n  [plugins."io.containerd.runtime.v1.linux"]\n    disable = true\n`,
    },
  },
  {
    title: 'switched off, as containerd 2 writes its defaults',
    files: {
      [MAIN]:
        "version = 3\nroot = '/r'\n[plugins.'io.containerd.nri.v1.nri']\n  disable=true\n  plugin_path = '/opt/nri/plugins'\n",
    },
    changed: {
      [MAIN]:
        "version = 3\nroot = '/r'\n[plugins.'io.containerd.nri.v1.nri']\n  disable= false\n  plugin_path = '/opt/nri/plugins'\n",
    },
  },
  {
    title: 'version 2 without a section on NRI, and without a last line end',
    files: { [MAIN]: 'version = 2\n[debug]\n  level = "info"' },
    changed: { [MAIN]: `version = 2\n[debug]\n  level = "info"\n${ADDED}` },
  },
  {
    title: 'a section that does not say, which it is completed',
    files: { [MAIN]: `version = 2\n${SECTION}\n  plugin_request_timeout = "3s"\n` },
    changed: { [MAIN]: `version = 2\n${SECTION}\n  disable = false\n  plugin_request_timeout = "3s"\n` },
  },
  {
    title: 'a folder of drop-ins, which gets one more',
    files: {
      [MAIN]: 'version = 2\nimports = ["conf.d/*.toml"]\n',
      'etc/containerd/conf.d/10-debug.toml': 'version = 2\n[debug]\n  level = "info"\n',
    },
    changed: { 'etc/containerd/conf.d/99-weka-cpuset.toml': `version = 2\n${ADDED}` },
  },
  {
    title: 'a folder of drop-ins with a section in one of them, which is changed',
    files: {
      [MAIN]: "version = 2\nimports = ['conf.d/*.toml']\n",
      'etc/containerd/conf.d/50-nri.toml': `version = 2\n${SECTION}\n  disable = true\n`,
    },
    changed: { 'etc/containerd/conf.d/50-nri.toml': `version = 2\n${SECTION}\n  disable = false\n` },
  },
  {
    title: 'no configuration at all',
    files: {},
    changed: { [MAIN]: `version = 2\nimports = ["/etc/containerd/conf.d/*.toml"]\n${ADDED}` },
  },
  { title: 'version 3 without a section: it is on', files: { [MAIN]: 'version = 3\n' }, changed: {} },
];
