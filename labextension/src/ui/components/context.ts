import * as React from 'react';
import type { Host } from '../host';
import type { ChatModel } from '../state/model';

export interface Chatting {
  model: ChatModel;
  host: Host;
}

export const ChatContext = React.createContext<Chatting | null>(null);

export function useChat(): Chatting {
  const value = React.useContext(ChatContext);
  if (!value) {
    throw new Error('a chat component stands outside ChatApp');
  }
  return value;
}
