import { defineConfig } from 'rolldown';

export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  // client-node's generated models are side-effect free but do not say so; without this the bundle is five times larger.
  treeshake: { moduleSideEffects: id => !id.includes('@kubernetes/client-node') },
  output: {
    file: 'dist/nightshift.mjs',
    format: 'esm',
    minify: true,
    codeSplitting: false,
    // CommonJS dependencies call require() for Node's own modules.
    banner:
      "#!/usr/bin/env node\nimport { createRequire as createRequireForBundle } from 'node:module'; const require = createRequireForBundle(import.meta.url);",
  },
});
