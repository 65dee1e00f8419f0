/** Preloaded into a worker (`node --import`): told by SIGUSR2, it takes memory until there is none left. */
process.on('SIGUSR2', () => {
  const hoard: unknown[] = [];
  for (;;) hoard.push(Array.from({ length: 100_000 }, () => ({})));
});
