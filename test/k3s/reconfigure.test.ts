import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLUGIN, type Run, Tree } from '../host/tree.ts';

const CONTAINERD = 'var/lib/rancher/k3s/agent/etc/containerd';
const RENDERED = `${CONTAINERD}/config.toml`;
const TEMPLATE_2 = `${CONTAINERD}/config.toml.tmpl`;
const TEMPLATE_3 = `${CONTAINERD}/config-v3.toml.tmpl`;
const CONFIG = 'etc/rancher/k3s/config.yaml';
const DROP_IN = `${CONFIG}.d/99-weka-cpuset.yaml`;
const UNIT = 'etc/systemd/system/k3s.service';
const CPU_STATE = 'var/lib/kubelet/cpu_manager_state';
const ADDED = '\n[plugins."io.containerd.nri.v1.nri"]\n  disable = false\n';
const OFF = '[plugins."io.containerd.nri.v1.nri"]\n  disable = true\n';
const BASE = '{{ template "base" . }}\n';

type Files = Readonly<Record<string, string>>;

/** A node of K3s with containerd 2, with these files besides. */
function node(context: ConstructorParameters<typeof Tree>[0], files: Files = {}): Tree {
  const tree = new Tree(context, {
    [RENDERED]: 'version = 3\n',
    [CONFIG]: 'node-label: [a=b]\n',
    [UNIT]: 'ExecStart=/usr/local/bin/k3s server\n',
    ...files,
  });
  tree.addRecordingProgram('systemctl', `[ ! -f ${tree.root}/${CPU_STATE} ] || set -- "$@" with its state`);
  return tree;
}

function reconfigure(tree: Tree, ...args: readonly string[]): Run {
  return tree.run('k3s/reconfigure-k3s.sh', '--executable', tree.executable, ...args);
}

const TEMPLATES: readonly (readonly [title: string, files: Files, changed: Files])[] = [
  ['containerd 2', {}, { [TEMPLATE_3]: BASE + ADDED }],
  ['containerd 1.7', { [RENDERED]: 'version = 2\n' }, { [TEMPLATE_2]: BASE + ADDED }],
  [
    'a template of our own making, to which it is added',
    { [TEMPLATE_3]: `${BASE}[debug]\n  level = "info"\n` },
    { [TEMPLATE_3]: `${BASE}[debug]\n  level = "info"\n${ADDED}` },
  ],
  [
    'containerd 2 with a template of the old format',
    { [RENDERED]: 'version = 2\n', [TEMPLATE_2]: BASE },
    { [TEMPLATE_2]: BASE + ADDED },
  ],
  [
    'a template that switches it off',
    { [RENDERED]: `version = 3\n${OFF}`, [TEMPLATE_3]: BASE + OFF },
    { [TEMPLATE_3]: BASE + OFF.replace('true', 'false') },
  ],
  [
    'a K3s that imports drop-ins, of which it becomes one',
    { [RENDERED]: `version = 3\nimports = ["/${CONTAINERD}/config-v3.toml.d/*.toml"]\n` },
    { [`${CONTAINERD}/config-v3.toml.d/99-weka-cpuset.toml`]: `version = 3\n${ADDED}` },
  ],
  ['a K3s that has it on itself', { [RENDERED]: `version = 3\n${ADDED}` }, {}],
];

for (const [title, files, changed] of TEMPLATES) {
  test(`NRI is switched on and everything undone: ${title}`, (context) => {
    const tree = node(context, files);
    const before = tree.everything();
    const { code, output } = reconfigure(tree);
    assert.equal(code, 0, output);
    for (const [path, text] of Object.entries({ ...files, ...changed })) assert.equal(tree.read(path), text);
    assert.equal(tree.has(TEMPLATE_2), TEMPLATE_2 in { ...files, ...changed });
    assert.equal(tree.has(TEMPLATE_3), TEMPLATE_3 in { ...files, ...changed });
    assert.equal(tree.has(PLUGIN), true);

    const installed = tree.everything();
    assert.match(reconfigure(tree).output, /Nothing had to be changed/);
    assert.deepEqual(tree.everything(), installed);

    const undone = reconfigure(tree, '--uninstall');
    assert.equal(undone.code, 0, undone.output);
    assert.deepEqual(tree.everything(), before);
  });
}

test('a static CPU manager ends, with all other settings kept, and its state goes while K3s is down', (context) => {
  const config = 'kubelet-arg:\n  - "cpu-manager-policy=static" # fast\n  - max-pods=50\n';
  const tree = node(context, { [CONFIG]: config, [CPU_STATE]: '{"policyName":"static"}' });
  const { code, output } = reconfigure(tree, '--restart');
  assert.equal(code, 0, output);
  assert.equal(tree.read(CONFIG), config);
  assert.equal(tree.read(DROP_IN), 'kubelet-arg+:\n  - cpu-manager-policy=none\n');
  assert.equal(tree.calls(), 'systemctl stop k3s with its state\nsystemctl start k3s\n');
});

test('the state of a CPU manager that was off all the time stays', (context) => {
  const tree = node(context, { [CPU_STATE]: '{"policyName":"none"}' });
  reconfigure(tree, '--restart');
  assert.equal(tree.read(CPU_STATE), '{"policyName":"none"}');
});

test('below another root K3s is not restarted, unless told so, and an agent is restarted as such', (context) => {
  const tree = node(context);
  reconfigure(tree);
  assert.equal(tree.calls(), '');
  tree.remove(UNIT);
  tree.write('usr/lib/systemd/system/k3s-agent.service', '');
  reconfigure(tree, '--restart');
  assert.equal(tree.calls(), 'systemctl stop k3s-agent\nsystemctl start k3s-agent\n');
});

test('a dry run tells what it would do, and does nothing', (context) => {
  const tree = node(context);
  const before = tree.everything();
  const { code, output } = reconfigure(tree, '--dry-run', '--restart');
  assert.equal(code, 0, output);
  assert.match(output, /would write.*config-v3\.toml\.tmpl.*would restart {2}k3s/s);
  assert.deepEqual(tree.everything(), before);
});

for (const [title, files, message] of [
  ['K3s has its data elsewhere', { 'etc/rancher/k3s/config.yaml': 'data-dir: /k3s\n' }, /--data-dir/],
  [
    'its command line has a static CPU manager',
    { [UNIT]: 'ExecStart=/k3s server \\\n  --kubelet-arg=cpu-manager-policy=static\n' },
    /k3s\.service has cpu-manager-policy=static/,
  ],
  [
    'there are options of a static CPU manager',
    { [CONFIG]: 'kubelet-arg:\n  - cpu-manager-policy-options=full-pcpus-only=true\n' },
    /config\.yaml has cpu-manager-policy-options/,
  ],
  [
    'a later drop-in sets the arguments anew',
    { [`${CONFIG}.d/zz.yaml`]: 'kubelet-arg: cpu-manager-policy=static\n' },
    /is read after .*99-weka-cpuset\.yaml/,
  ],
] as const) {
  test(`a node on which it would not work is left without the plugin: ${title}`, (context) => {
    const tree = node(context, files);
    const { code, output } = reconfigure(tree);
    assert.equal(code, 1, output);
    assert.match(output, message);
    assert.equal(tree.has(DROP_IN), false);
    assert.equal(tree.has(PLUGIN), false);
  });
}

/** A cluster of three nodes, all of which are this tree. */
function cluster(context: ConstructorParameters<typeof Tree>[0]): Tree {
  const tree = node(context);
  tree.write('kubeconfig', '');
  tree.addProgram(
    'kubectl',
    `case "$*" in
      *'get nodes'*) printf 'one\\t10.0.0.1 fd00::1\\tamd64\\ntwo\\t10.0.0.2\\tamd64\\nthree\\t10.0.0.3\\tamd64\\n' ;;
      *) echo "kubectl $*" ;;
    esac`,
  );
  tree.addProgram('sudo', 'echo "sudo $*"');
  tree.addProgram('ssh', 'echo "ssh $3"; if [ "$3" = root@10.0.0.2 ]; then exit 255; fi; exec sh -c "$4"');
  return tree;
}

const remotely = (tree: Tree, ...args: readonly string[]): Run =>
  reconfigure(tree, '--kubeconfig', `${tree.root}/kubeconfig`, ...args);

test('the nodes of a cluster are changed one after the other, until one cannot be', (context) => {
  const tree = cluster(context);
  const { code, output } = remotely(tree);
  assert.equal(code, 1, output);
  assert.match(
    output,
    /ssh root@10\.0\.0\.1\n.*written.*99-weka-cpuset\n.*kubectl .*wait .*node\/one.*ssh root@10\.0\.0\.2/s,
  );
  assert.match(output, /two could not be changed/);
  assert.doesNotMatch(output, /10\.0\.0\.3/);
  assert.equal(tree.has(PLUGIN), true);
});

test('the node that it runs on is changed without ssh', (context) => {
  const tree = cluster(context);
  tree.addProgram('kubectl', `[ "$3" = wait ] || printf "$(hostname)\\t10.0.0.2\\tamd64\\n" | tr A-Z a-z`);
  const { code, output } = remotely(tree);
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /ssh/);
  assert.equal(tree.has(PLUGIN), true);
});

test('a single node is named, or told by its place in the list', (context) => {
  const tree = cluster(context);
  for (const which of ['three', '2']) {
    const { code, output } = remotely(tree, '--single-node', which, '--dry-run');
    assert.equal(code, 0, output);
    assert.match(output, /ssh root@10\.0\.0\.3\n/);
    assert.doesNotMatch(output, /10\.0\.0\.1/);
  }
  assert.equal(tree.has(PLUGIN), false);
  assert.match(
    remotely(tree, '--single-node', 'four').output,
    /--single-node four: the cluster has one two three/,
  );
  assert.match(
    remotely(tree, '--single-node', 'one', '--ssh-username', 'me').output,
    /ssh me@.*sudo -n bash k3s/s,
  );
});

test('settings that the plugin cannot use are refused before anything is changed', (context) => {
  const tree = node(context);
  tree.write('settings', 'minSharedCpu: 1\n');
  const before = tree.everything();
  const { code, output } = reconfigure(tree, '--config', `${tree.root}/settings`);
  assert.equal(code, 1, output);
  assert.match(output, /settings cannot be used: .*unknown setting "minSharedCpu"; did you mean/);
  assert.deepEqual(tree.everything(), before);
});

test('wrong use is told', (context) => {
  const tree = node(context);
  for (const [args, message] of [
    [['--single-node', 'one'], /of the cluster that --kubeconfig names/],
    [['--kubeconfig', '/nowhere'], /there is no such file/],
    [['--kubeconfig'], /needs a value/],
    [['--fast'], /unknown flag --fast/],
  ] as const) {
    const { code, output } = reconfigure(tree, ...args);
    assert.notEqual(code, 0);
    assert.match(output, message);
  }
});
