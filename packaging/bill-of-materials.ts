import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'rolldown';

/**
 * What is in the bundle, beside the bundle: a CycloneDX bill of materials of the packages whose code is in it, and their
 * licences in full, as these ask for. npm's own bill lists all that is installed; what was shaken out of the bundle is
 * taken out of the bill, so that nobody is alarmed about code that is not there.
 */
export function billOfMaterials(): Plugin {
  return {
    name: 'bill-of-materials',
    generateBundle(_, bundle) {
      const folders = new Set<string>();
      for (const output of Object.values(bundle)) {
        if (output.type !== 'chunk') continue;
        for (const [id, { renderedLength }] of Object.entries(output.modules)) {
          const folder = packageFolder(id);
          if (renderedLength > 0 && folder !== undefined) folders.add(folder);
        }
      }
      const packages = [...folders].toSorted().map(readPackage);
      this.emitFile({ type: 'asset', fileName: 'nightshift.cdx.json', source: billOf(packages) });
      this.emitFile({ type: 'asset', fileName: 'nightshift.licenses.txt', source: packages.map(licenceOf).join('\n') });
    },
  };
}

interface Package {
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** `…/node_modules/NAME` of a module, undefined for one of ours. */
function packageFolder(module: string): string | undefined {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module.replaceAll('\\', '/'))?.[0];
}

function readPackage(folder: string): Package {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return { folder, name, version, license: String(license ?? 'unknown') };
}

interface Bill {
  readonly metadata: { readonly component: object };
  readonly components: readonly { readonly name: string; readonly version: string; readonly 'bom-ref': string }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

/**
 * Of everything that is installed, because `--omit=dev` leaves out what a tool needs as well (npm 11.19: yaml and zod).
 * Reproducible: without a serial number and the time, which npm makes anew each time.
 */
function billOf(packages: readonly Package[]): string {
  const words = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application'];
  const npm: Bill & Record<string, unknown> = JSON.parse(
    execFileSync('npm', words, { encoding: 'utf8', maxBuffer: 1 << 26 }),
  );
  const { serialNumber: _, metadata, components, dependencies, ...head } = npm;
  const within = components.filter(component =>
    packages.some(({ name, version }) => component.name === name && component.version === version),
  );
  for (const { name, version } of packages) {
    if (!within.some(component => component.name === name && component.version === version))
      throw new Error(`${name}@${version} is in the bundle, and npm does not list it`);
  }
  const refs = new Set(within.map(component => component['bom-ref']));
  const kept = dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(other => refs.has(other)) }));
  const component = { ...metadata.component, name: 'nightshift' };
  return `${JSON.stringify({ ...head, metadata: { component }, components: within, dependencies: kept }, null, 2)}\n`;
}

function licenceOf({ folder, name, version, license }: Package): string {
  const file = existsSync(folder) ? readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry)) : undefined;
  const text = file === undefined ? '' : `\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  return `${name} ${version} (${license})\n${text}`;
}
