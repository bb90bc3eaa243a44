import type { Scene } from './fixtures.ts';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a Prometheus server reads at `/metrics`. */
export class Exposition {
  /** Types by name. */
  readonly types: ReadonlyMap<string, string>;
  readonly help: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];

  constructor(text: string) {
    const lines = text.split('\n');
    const described = (keyword: string) =>
      new Map(
        lines
          .filter((line) => line.startsWith(`# ${keyword} `))
          .map((line): [string, string] => {
            const [, , name = '', ...rest] = line.split(' ');
            return [name, rest.join(' ')];
          }),
      );
    this.types = described('TYPE');
    this.help = described('HELP');
    this.samples = lines.filter((line) => line !== '' && !line.startsWith('#')).map(readSample);
  }

  static async of(scene: Scene): Promise<Exposition> {
    return new Exposition((await scene.ask('/metrics')).body);
  }

  /** The one value of a metric that has these labels, named without `nri_cpuset_`; undefined if there is none. */
  value(name: string, labels: Sample['labels'] = {}): number | undefined {
    return this.all(name).find((sample) =>
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )?.value;
  }

  all(name: string): readonly Sample[] {
    return this.samples.filter((sample) => sample.name === `nri_cpuset_${name}`);
  }
}

function readSample(line: string): Sample {
  const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === '') throw new Error(`no sample: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label, text]);
  return {
    name,
    labels: Object.fromEntries(pairs),
    value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value),
  };
}
