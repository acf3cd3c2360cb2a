import { useCell } from '../state/cell';
import { useChat } from './context';

const WRITE = 'chats:write';

/** Whether chats can be shared here: only a service with accounts tells scopes, and only some hosts have an address for it. */
export function useCanShare(): boolean {
  const { model, host } = useChat();
  const principal = useCell(model.principal);
  return host.sharedUrl !== undefined && (principal?.scopes.includes(WRITE) ?? false);
}
