import { spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToVenv } from './lab-server';

const UNAVAILABLE = 69;

/** The real Ollama with the tests' models. */
export class RealOllama {
  private constructor(
    readonly url: string,
    private readonly process: ChildProcess
  ) {}

  /** Null where none is built on this machine. */
  static async start(): Promise<RealOllama | null> {
    const cwd = resolve(__dirname, '../../..');
    const env = { ...process.env, PATH: pathToVenv() };
    const child = spawn('python', ['-m', 'tests.ollama.serve'], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
    return new Promise((done, failed) => {
      child.once('error', failed);
      child.once('exit', code => (code === UNAVAILABLE ? done(null) : failed(new Error(`Ollama ended with ${code}`))));
      child.stdout.once('data', (line: Buffer) => done(new RealOllama(line.toString().trim(), child)));
    });
  }

  async stop(): Promise<void> {
    const ended = new Promise(done => this.process.once('exit', done));
    this.process.stdin!.end();
    await ended;
  }

  /** Asks a model for one token, and says how long that took (ms); a model that is busy makes us wait. */
  async oneToken(model: string): Promise<number> {
    const begun = Date.now();
    const body = { model, messages: [{ role: 'user', content: 'x' }], stream: false, options: { num_predict: 1 } };
    const answer = await fetch(`${this.url}/api/chat`, { method: 'POST', body: JSON.stringify(body) });
    await answer.text();
    return Date.now() - begun;
  }
}
