import type { TopologyParts } from '../../placement/topology.ts';
import { parseTopologySpec, TopologySpecError } from '../../placement/topology-spec.ts';
import { ConfigError } from '../config-error.ts';

/** The host that a flag `--topology` describes, see `parseTopologySpec`. @throws ConfigError naming the word that is wrong */
export function readTopologyFlag(text: string): TopologyParts {
  try {
    return parseTopologySpec(text);
  } catch (error) {
    if (error instanceof TopologySpecError) throw new ConfigError(`--topology: ${error.message}`);
    throw error;
  }
}
