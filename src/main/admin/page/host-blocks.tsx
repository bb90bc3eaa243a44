import type { ComponentChildren } from 'preact';
import { CpuCell, type CpuCellProps } from './cpu-cell.tsx';
import { counted } from './cpu-text.ts';
import { columnsOf } from './fit.ts';
import type { NodeBlock, PackageBlock } from './host.ts';

/** How a CPU is drawn. */
export type CellOf = (cpu: number) => CpuCellProps;

/** A package with its nodes, last-level caches, cores and threads. */
export function PackageView({ block, cellOf }: { block: PackageBlock; cellOf: CellOf }) {
  const size = counted(block.cpus.size, 'CPU');
  return (
    <Group look="package" label={`Package ${block.number}, ${size}`}>
      <h3>
        Package {block.number} <small>{size}</small>
      </h3>
      <div class="nodes">
        {block.nodes.map((node) => (
          <NodeGroup key={node.id} node={node} cellOf={cellOf} />
        ))}
      </div>
    </Group>
  );
}

/** CPUs of which the kernel tells no place. */
export function OfflineView({ cpus, cellOf }: { cpus: readonly number[]; cellOf: CellOf }) {
  return (
    <Group look="package" label="Offline CPUs">
      <h3>Offline</h3>
      <Cores cores={cpus.map((cpu) => [cpu])} cellOf={cellOf} />
    </Group>
  );
}

function NodeGroup({ node, cellOf }: { node: NodeBlock; cellOf: CellOf }) {
  const cpus = `${node.cpus}`;
  return (
    <Group look="node" label={`Node ${node.id}, CPUs ${cpus}`}>
      <h4>
        Node {node.id} <small>{cpus}</small>
      </h4>
      <div class="llcs">
        {node.llcs.map((llc) => (
          <Group key={llc.number} look="llc" label={`LLC ${llc.number}, CPUs ${llc.cpus}`}>
            <h5>LLC {llc.number}</h5>
            <Cores cores={llc.cores} cellOf={cellOf} />
          </Group>
        ))}
      </div>
    </Group>
  );
}

function Cores({ cores, cellOf }: { cores: readonly (readonly number[])[]; cellOf: CellOf }) {
  return (
    <div class="cores" style={{ '--columns': columnsOf(cores.length) }}>
      {cores.map((core) => (
        <span class="core" key={core[0]}>
          {core.map((cpu) => (
            <CpuCell key={cpu} {...cellOf(cpu)} />
          ))}
        </span>
      ))}
    </div>
  );
}

function Group({ look, label, children }: { look: string; label: string; children: ComponentChildren }) {
  return (
    <fieldset class={look} aria-label={label}>
      {children}
    </fieldset>
  );
}
