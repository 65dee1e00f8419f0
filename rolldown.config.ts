import { defineConfig } from 'rolldown';
import { billOfMaterials } from './packaging/bill-of-materials.ts';

export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  plugins: [billOfMaterials()],
  // client-node's generated models are side-effect free but do not say so; without this the bundle is five times larger.
  treeshake: { moduleSideEffects: id => !id.includes('@kubernetes/client-node') },
  output: {
    file: 'dist/nightshift.mjs',
    format: 'esm',
    minify: true,
    codeSplitting: false,
    banner: [
      '#!/usr/bin/env node',
      "import { createRequire as createRequireForBundle } from 'node:module';",
      // An older Node fails somewhere in the middle, with the whole bundle as its message.
      'if (Number(process.versions.node.split(".")[0]) < 24) { console.error(`nightshift: needs Node 24 or newer, this is ${process.version}`); process.exit(1); }',
      // CommonJS dependencies call require() for Node's own modules.
      'const require = createRequireForBundle(import.meta.url);',
    ].join('\n'),
  },
});
