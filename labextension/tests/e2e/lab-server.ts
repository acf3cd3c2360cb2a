import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const VENV = resolve(__dirname, '../../../.venv/bin');
const START_MS = 60_000;
/** No Ollama listens here. */
export const NOWHERE = 'http://127.0.0.1:9';
const API = 'api/aichat/v1';

export interface LabOptions {
  ollama?: string;
  /** Scripted models beside the usual; null offers the demo alone, as without any configuration. */
  models?: readonly string[] | null;
  /** Further arguments of `jupyter lab`. */
  args?: readonly string[];
}

/** A `jupyter lab` in folders of its own, with its login; address, token and folders outlive `kill` and `start`. */
export class LabServer {
  readonly token = randomBytes(16).toString('hex');
  private process: ChildProcess | undefined;
  private ended: Promise<void> = Promise.resolve();

  private constructor(
    readonly port: number,
    readonly home: string,
    private readonly options: LabOptions
  ) {}

  static async start(options: LabOptions = {}): Promise<LabServer> {
    const home = await mkdtemp(join(tmpdir(), 'aichat-lab-'));
    await mkdir(join(home, 'work'));
    const settings = join(home, 'config/lab/user-settings/@jupyterlab/apputils-extension');
    await mkdir(settings, { recursive: true });
    const quiet = { fetchNews: 'false', checkForUpdates: false };
    await writeFile(join(settings, 'notification.jupyterlab-settings'), JSON.stringify(quiet));
    const server = new LabServer(await freePort(), home, options);
    await server.start();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get log(): Promise<string> {
    return readFile(join(this.home, 'lab.log'), 'utf8');
  }

  /** Starts the process and returns when it answers. */
  async start(): Promise<void> {
    const log = createWriteStream(join(this.home, 'lab.log'), { flags: 'a' });
    const child = spawn('jupyter', this.arguments(), { cwd: this.home, env: this.environment(), stdio: 'pipe' });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.process = child;
    this.ended = new Promise(done => child.once('exit', () => done()));
    child.once('error', () => undefined); // told below
    await this.untilReady(child);
  }

  /** Ends the process at once, as a crash would. */
  kill = (): Promise<void> => this.end('SIGKILL');

  /** Ends the server and its kernels, and removes its folders. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Asks the extension's API as the owner; throws for what is no success. */
  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}/${API}/${path}`, {
      method,
      headers: { Authorization: `token ${this.token}`, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body)
    });
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    }
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const late = setTimeout(() => this.process?.kill('SIGKILL'), 15_000);
    this.process?.kill(signal);
    await this.ended;
    clearTimeout(late);
  }

  private arguments(): string[] {
    const { ollama = NOWHERE, models = [], args = [] } = this.options;
    return [
      'lab',
      '--no-browser',
      '--allow-root',
      '--ServerApp.ip=127.0.0.1',
      `--ServerApp.port=${this.port}`,
      '--ServerApp.port_retries=0',
      `--ServerApp.root_dir=${join(this.home, 'work')}`,
      `--IdentityProvider.token=${this.token}`,
      '--LabApp.expose_app_in_browser=True',
      '--LabApp.extension_manager=readonly',
      `--OllamaProvider.url=${ollama}`,
      ...(models
        ? ['--ScriptedProvider.scenarios=True', ...models.map(name => `--ScriptedProvider.names=${name}`)]
        : []),
      ...args
    ];
  }

  private environment(): NodeJS.ProcessEnv {
    const { home } = this;
    return {
      ...process.env,
      PATH: pathToVenv(),
      JUPYTER_CONFIG_DIR: join(home, 'config'),
      JUPYTER_DATA_DIR: join(home, 'data'),
      JUPYTER_RUNTIME_DIR: join(home, 'runtime'),
      IPYTHONDIR: join(home, 'ipython'),
      AICHAT_STORE_URL: join(home, 'chats.sqlite3')
    };
  }

  private async untilReady(child: ChildProcess): Promise<void> {
    const end = Date.now() + START_MS;
    while (Date.now() < end && child.exitCode === null && child.pid !== undefined) {
      if (await this.api('GET', 'ready').catch(() => null)) {
        return;
      }
      await sleep(100);
    }
    child.kill('SIGKILL');
    throw new Error(`JupyterLab did not start:\n${(await this.log.catch(() => '')).slice(-4000)}`);
  }
}

/** The search path, with the checkout's virtual environment before all else. */
export const pathToVenv = (): string => `${existsSync(VENV) ? VENV + delimiter : ''}${process.env.PATH}`;

export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => done(port));
    });
  });
}
