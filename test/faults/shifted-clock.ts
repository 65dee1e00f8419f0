/** Preloaded into a worker (`node --import`): its clock is ahead of the machine's by so many milliseconds, or behind. */
const shift = Number(process.env['TEST_CLOCK_SHIFT']);
const machine = Date;
const now = (): number => machine.now() + shift;

globalThis.Date = new Proxy(machine, {
  construct: (target, words, newTarget) => Reflect.construct(target, words.length === 0 ? [now()] : words, newTarget),
  get: (target, key): unknown => (key === 'now' ? now : Reflect.get(target, key)),
});
