import * as React from 'react';
import type { Host } from '../host';
import type { ChatModel } from '../state/model';

export interface Chatting {
  model: ChatModel;
  host: Host;
}

export const ChatContext = React.createContext<Chatting | null>(null);

/** What shows a message needs no more than this: it stands also in chats that can only be read. */
export const HostContext = React.createContext<Host | null>(null);

export function useChat(): Chatting {
  const value = React.useContext(ChatContext);
  if (!value) {
    throw new Error('a chat component stands outside ChatApp');
  }
  return value;
}

export function useHost(): Host {
  const value = React.useContext(HostContext);
  if (!value) {
    throw new Error('a chat component stands outside ChatApp and SharedChat');
  }
  return value;
}
