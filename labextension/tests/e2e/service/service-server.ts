import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, NOWHERE, pathToVenv } from '../lab-server';

const START_MS = 60_000;
/** Not at the host's root, so that an absolute path of the page's would lead nowhere. */
const BASE = '/team/';

const NO_LIMITS = ['per_minute', 'sends_per_minute', 'strangers_per_minute'].map(name => `--RequestLimits.${name}=0`);
const SCRIPTED = ['--ScriptedProvider.scenarios=True', '--ScriptedProvider.names=counter-100-50'];

/** A service with accounts in a process of its own, on SQLite, with scripted models; anybody may register. */
export class ServiceServer {
  readonly admin = { name: 'root', password: 'the first of all' };
  private process: ChildProcess | undefined;
  private adminToken = '';

  private constructor(
    private readonly port: number,
    private readonly home: string,
    private readonly ollama: string,
    private readonly more: string[]
  ) {}

  static async start(ollama = NOWHERE, ...more: string[]): Promise<ServiceServer> {
    const home = await mkdtemp(join(tmpdir(), 'aichat-service-'));
    await writeFile(join(home, 'secret'), randomBytes(48).toString('hex'), { mode: 0o600 });
    const server = new ServiceServer(await freePort(), home, ollama, more);
    await server.makeAdmin();
    await server.run();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}${BASE}`;
  }

  get log(): Promise<string> {
    return readFile(join(this.home, 'service.log'), 'utf8');
  }

  /** Ends the process at once, as a crash would; `run` brings it back with what it had. */
  kill = (): Promise<void> => this.end('SIGKILL');

  async stop(): Promise<void> {
    await this.end('SIGTERM');
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Asks the API with a token; throws for what is no success. */
  async api<T>(method: string, path: string, body?: unknown, token = ''): Promise<T> {
    const answer = await fetch(`${this.url}api/aichat/v1/${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
      body: body === undefined ? undefined : JSON.stringify(body)
    });
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    }
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  }

  /** Asks as the administrator. */
  async asAdmin<T>(method: string, path: string, body?: unknown): Promise<T> {
    this.adminToken ||= await this.login(this.admin.name, this.admin.password);
    return this.api(method, path, body, this.adminToken);
  }

  /** Begins a session and returns its access token. */
  async login(username: string, password: string): Promise<string> {
    return (await this.api<{ access_token: string }>('POST', 'auth/login', { username, password })).access_token;
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.process!;
    const ended = new Promise(done => child.once('exit', done));
    child.kill(signal);
    await ended;
  }

  private async makeAdmin(): Promise<void> {
    const child = this.python([
      '-m',
      'jupyter_aichat',
      'users',
      'create',
      this.admin.name,
      '--first-admin',
      '--password-stdin'
    ]);
    child.stdin!.end(`${this.admin.password}\n`);
    const code = await new Promise(done => child.once('exit', done));
    if (code !== 0) {
      throw new Error(`the administrator was not made:\n${await this.log}`);
    }
  }

  /** Starts the process and returns when it answers. */
  async run(): Promise<void> {
    const child = (this.process = this.python([
      ...['-m', 'jupyter_aichat.service.app', '--ServerApp.ip=127.0.0.1', `--port=${this.port}`],
      ...[`--ServerApp.base_url=${BASE}`, '--AIChatApp.registration=open', '--Passwords.cost=4'],
      ...NO_LIMITS,
      ...[`--OllamaProvider.url=${this.ollama}`, ...(this.ollama === NOWHERE ? SCRIPTED : [])],
      ...this.more
    ]));
    const end = Date.now() + START_MS;
    while (Date.now() < end && child.exitCode === null) {
      if (await this.api('GET', 'ready').catch(() => null)) {
        return;
      }
      await sleep(100);
    }
    child.kill('SIGKILL');
    throw new Error(`the service did not start:\n${(await this.log).slice(-4000)}`);
  }

  private python(args: string[]): ChildProcess {
    const { home } = this;
    const log = openSync(join(home, 'service.log'), 'a');
    return spawn('python', args, {
      cwd: home,
      stdio: ['pipe', log, log],
      env: {
        ...process.env,
        PATH: pathToVenv(),
        JUPYTER_CONFIG_DIR: join(home, 'config'),
        JUPYTER_DATA_DIR: join(home, 'data'),
        JUPYTER_RUNTIME_DIR: join(home, 'runtime'),
        AICHAT_STORE_URL: join(home, 'chats.sqlite3'),
        AICHAT_SECRET_FILE: join(home, 'secret')
      }
    });
  }
}
