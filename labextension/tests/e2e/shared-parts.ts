import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToVenv } from './lab-server';

const CHECKOUT = resolve(__dirname, '../../..');
const PROGRAM = `
import json, sys
from pathlib import Path
from tests import mongo_server, redis_server
folder = Path(sys.argv[1])
with mongo_server.running(folder / "mongo") as mongo, redis_server.running(folder) as redis:
    print(json.dumps([mongo.url, redis.url]), flush=True)
    sys.stdin.read()
`;

/** A MongoDB and a Redis that several JupyterLabs share; they end with this process. */
export class SharedParts {
  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    /** What `jupyter lab` must be told to use them. */
    readonly args: readonly string[]
  ) {}

  static async start(): Promise<SharedParts> {
    const folder = await mkdtemp(join(tmpdir(), 'aichat-parts-'));
    const env = { ...process.env, PATH: pathToVenv() };
    const child = spawn('python', ['-c', PROGRAM, folder], { cwd: CHECKOUT, env, stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [store, redis] = JSON.parse(line.toString()) as [string, string];
    return new SharedParts(child, folder, [`--AIChatApp.store_url=${store}`, `--AIChatApp.redis_url=${redis}`]);
  }

  async stop(): Promise<void> {
    const ended = once(this.process, 'exit');
    this.process.stdin?.end();
    await ended;
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
