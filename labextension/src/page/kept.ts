const OURS = 'jupyter_aichat:';
const OWNER = `${OURS}owner`;

/** Forgets what this tab keeps of a person: drafts, and questions that were not sent. */
export function forgetTexts(): void {
  try {
    const names = Object.keys(window.sessionStorage).filter(name => name.startsWith(OURS));
    names.forEach(name => window.sessionStorage.removeItem(name));
  } catch {
    // a forbidden storage keeps nothing
  }
}

/** What was typed waits for the one who typed it: another person finds nothing of it. */
export function keepFor(owner: string): void {
  try {
    if (window.sessionStorage.getItem(OWNER) !== owner) {
      forgetTexts();
      window.sessionStorage.setItem(OWNER, owner);
    }
  } catch {
    // a forbidden storage keeps nothing
  }
}
