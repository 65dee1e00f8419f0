/**
 * The processes of one cluster. Each carries the cluster's folder in an environment variable, which its own children
 * inherit: whoever cleans up later finds exactly these, whatever became of the process that started them.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const MARK = 'TEST_CLUSTER_FOLDER';

export interface Component {
  readonly name: string;
  readonly process: ChildProcess;
  readonly logFile: string;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
}

export interface Command {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  /** The home of the process, and where it runs unless a working folder is named. */
  readonly folder: string;
  readonly workingFolder?: string;
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a process of the cluster, in a process group of its own so that Ctrl-C reaches only its owner. */
export function startProcess(clusterFolder: string, command: Command): Component {
  const log = openSync(command.logFile, 'a');
  try {
    const child = spawn(command.file, command.args, {
      cwd: command.workingFolder ?? command.folder,
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'] ?? '', HOME: command.folder, ...command.env, [MARK]: clusterFolder },
    });
    const ended = new Promise<void>(resolve => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    child.unref();
    return { name: command.name, process: child, logFile: command.logFile, ended };
  } finally {
    closeSync(log);
  }
}

export function isRunning(component: Component): boolean {
  const { pid, exitCode, signalCode } = component.process;
  return pid !== undefined && exitCode === null && signalCode === null;
}

/** The end of a log file, indented, for an error that a person reads. */
export function lastLines(file: string, count = 15): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return '    (no log)';
  }
  const lines = text.trimEnd().split('\n').slice(-count);
  return lines.map(line => `    ${line.slice(0, 400)}`).join('\n');
}

/** Kills every process of the cluster; returns which. They have ended shortly after. */
export function killMarked(clusterFolder: string): number[] {
  const pids = markedProcesses(clusterFolder);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself in the meantime.
    }
  }
  return pids;
}

/** Whether a process has let go of everything, its ports included; a killed one loses its environment before those. */
export function hasEnded(pid: number): boolean {
  if (process.platform === 'linux') return /^$|\) [ZX] /.test(read(join('/proc', String(pid), 'stat')));
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}

/** Ids of the living processes of a cluster. */
export function markedProcesses(clusterFolder: string): number[] {
  const entry = `${MARK}=${clusterFolder}`;
  if (process.platform !== 'linux') return markedByPs(entry);
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid =>
      read(join('/proc', pid, 'environ'))
        .split('\0')
        .includes(entry),
    )
    .map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function markedByPs(entry: string): number[] {
  const { stdout } = spawnSync('ps', ['-axEww', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 1 << 28 });
  return stdout
    .split('\n')
    .filter(line => ` ${line} `.includes(` ${entry} `))
    .map(line => Number.parseInt(line, 10));
}
