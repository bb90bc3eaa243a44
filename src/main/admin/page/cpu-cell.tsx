import { Component, createRef } from 'preact';
import type { CpuUse } from './cpus.ts';
import { markOf } from './marks.ts';

export interface CpuCellProps {
  readonly cpu: number;
  readonly use: CpuUse;
  /** The owner's number; -1 for several, -2 for none. */
  readonly mark: number;
  readonly withheld: boolean;
  /** Whether a container is selected, and whether it runs on this CPU. */
  readonly selection: 'none' | 'this' | 'other';
  readonly isTabStop: boolean;
  /** All about it, for those who do not see it. */
  readonly label: string;
}

export const SEVERAL = -1;
export const NOBODY = -2;

const PROPS = ['cpu', 'use', 'mark', 'withheld', 'selection', 'isTabStop', 'label'] as const;
const FLASH = [{ outlineColor: 'var(--ink)' }, { outlineColor: 'transparent' }];
const FLASH_MS = 1500;

/** One CPU of the map. There may be thousands, so it draws itself anew only when it looks different. */
export class CpuCell extends Component<CpuCellProps> {
  readonly #button = createRef<HTMLButtonElement>();

  override shouldComponentUpdate(next: Readonly<CpuCellProps>): boolean {
    return PROPS.some((name) => next[name] !== this.props[name]);
  }

  override componentDidUpdate(before: Readonly<CpuCellProps>): void {
    const { use, mark } = this.props;
    if (before.use === use && before.mark === mark) return;
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    this.#button.current?.animate(FLASH, { duration: FLASH_MS, easing: 'steps(8)' });
  }

  override render({ cpu, use, mark, withheld, selection, isTabStop, label }: CpuCellProps) {
    const { glyph, colour } = mark >= 0 ? markOf(mark) : { glyph: mark === SEVERAL ? '+' : '', colour: -1 };
    const classes = [
      `cpu ${use}`,
      mark >= 0 && `colour-${colour}`,
      withheld && 'withheld',
      selection !== 'none' && `is-${selection}`,
    ];
    return (
      <button
        ref={this.#button}
        type="button"
        class={classes.filter(Boolean).join(' ')}
        data-cpu={cpu}
        data-glyph={glyph}
        tabIndex={isTabStop ? 0 : -1}
        aria-label={label}
        aria-pressed={selection === 'this'}
      />
    );
  }
}
