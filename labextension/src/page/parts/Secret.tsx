import * as React from 'react';
import { useService } from '../context';

const COPIED_MS = 2_000;

/** Something that is shown once, to be copied. */
export function Secret({ label, value }: { label: string; value: string }): React.ReactElement {
  const { trans } = useService();
  const [copied, setCopied] = React.useState(false);
  const box = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => box.current?.focus(), []);
  React.useEffect(() => {
    const timer = copied ? setTimeout(() => setCopied(false), COPIED_MS) : undefined;
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async (): Promise<void> => {
    box.current?.select();
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
    } catch {
      // plain HTTP: it is selected, so that Ctrl+C copies it
    }
  };
  return (
    <div className="aichat-secret">
      <input
        ref={box}
        readOnly
        value={value}
        aria-label={label}
        dir="ltr"
        spellCheck={false}
        onFocus={event => event.target.select()}
      />
      <button type="button" className="aichat-button" onClick={() => void copy()}>
        {copied ? trans.__('Copied') : trans.__('Copy')}
      </button>
      <span role="status" className="aichat-unseen">
        {copied ? trans.__('Copied') : ''}
      </span>
    </div>
  );
}
