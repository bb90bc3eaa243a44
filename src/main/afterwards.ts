/**
 * Work that nobody waits for, done in the order it came once what is under way on the main thread has ended: what is told of
 * an event must not hold up its answer.
 */
export class Afterwards {
  #tasks: (() => void)[] = [];

  do(task: () => void): void {
    if (this.#tasks.push(task) === 1) setImmediate(() => this.#run());
  }

  #run(): void {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) task();
  }
}
