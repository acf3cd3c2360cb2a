import { ApiError } from '../client/errors';

/** What the server takes as one question (characters). */
export const MAX_TEXT = 512 * 1024;

/** What the wire does not carry becomes the replacement character: lone surrogates and NUL. */
export const cleanText = (text: string): string => text.replace(/[\p{Surrogate}\0]/gu, '\uFFFD');

/** Why a question cannot be sent, null if it can. */
export function refusalOf(text: string): ApiError | null {
  if (text.length <= MAX_TEXT || [...text].length <= MAX_TEXT) {
    return null;
  }
  const message = `This message is too long: ${MAX_TEXT.toLocaleString('en')} characters can be sent at most. Shorten it or split it.`;
  return new ApiError('too_large', message, { limit: MAX_TEXT });
}

/** A key by which the server knows a repeated request. */
export const newKey = (): string => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
