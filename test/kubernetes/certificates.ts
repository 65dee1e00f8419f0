import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A self-signed certificate for this name, also good as a CA of itself. Files go into the folder. */
export function selfSigned(folder: string, name: string): Certificate {
  const certFile = join(folder, `${name}.crt`);
  const keyFile = join(folder, `${name}.key`);
  const names = /^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`;
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`, '-days', '2', '-out', certFile];
  execFileSync('openssl', ['req', '-x509', ...key, ...subject], { stdio: 'ignore' });
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), certFile, keyFile };
}

/** The same with a certificate that was valid until yesterday. */
export function expired(folder: string, { key, certFile, keyFile }: Certificate): Certificate {
  const [request, file] = [join(folder, 'expired.csr'), join(folder, 'expired.crt')];
  const quietly = { stdio: 'ignore' } as const;
  execFileSync('openssl', ['x509', '-x509toreq', '-in', certFile, '-signkey', keyFile, '-out', request], quietly);
  const extensions = join(folder, 'expired.ext');
  writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1');
  const names = ['-extfile', extensions];
  execFileSync(
    'openssl',
    ['x509', '-req', '-in', request, '-signkey', keyFile, '-days', '-1', ...names, '-out', file],
    quietly,
  );
  return { cert: readFileSync(file, 'utf8'), key, certFile: file, keyFile };
}
