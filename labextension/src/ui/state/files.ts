import type { Download, FileTransport } from '../client/transport';
import type { ImportReply } from '../protocol.generated';

export type Form = 'markdown' | 'notebook' | 'json';

/** What a file shall be; the last two are about notebooks. */
export interface Wish {
  form: Form;
  askAgain: boolean;
  codeCells: boolean;
}

/** Chats as files, out and in; all reject with `ApiError`. */
export class Files {
  constructor(private readonly transport: FileTransport) {}

  export(chatId: string, { form, askAgain, codeCells }: Wish): Promise<Download> {
    const query = new URLSearchParams({ format: form });
    if (form === 'notebook') {
      query.set('questions', askAgain ? 'chat' : 'markdown');
      query.set('code_cells', String(codeCells));
    }
    return this.transport.download(`chats/${chatId}/export?${query}`);
  }

  /** All chats, with everything, as one file that can be imported. */
  exportAll(): Promise<Download> {
    return this.transport.download('export');
  }

  async import(file: Blob): Promise<ImportReply> {
    return (await this.transport.upload('import', file)) as ImportReply;
  }
}
