import * as React from 'react';
import { Icon, type IconName } from '../components/icons';
import type { CodeText } from './code-text';
import { CodeView } from './code-view';
import type { MarkdownHost } from './Markdown';

const FOLD_LINES = 40;
const COPIED_MS = 1500;

interface Props {
  code: CodeText;
  /** Changes when the code grew. */
  rev: number;
  host: MarkdownHost;
}

/** Code with its language and what can be done with it. Long code that was there before is folded. */
export function CodeBlock({ code, rev, host }: Props): React.ReactElement {
  const { trans } = host;
  const [whole, setWhole] = React.useState(code.open); // code that one sees growing does not jump when it ends
  const long = code.lines > FOLD_LINES;
  return (
    <div className="aichat-codeblock" data-folded={(long && !whole) || undefined} dir="ltr">
      <CodeHead code={code} host={host} />
      <CodeBody code={code} rev={rev} label={code.lang ? trans.__('Code, %1', code.lang) : trans.__('Code')} />
      {long && (
        <button type="button" className="aichat-code-more" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? trans.__('Show fewer lines') : trans.__('Show all %1 lines', code.lines)}
        </button>
      )}
    </div>
  );
}

function CodeHead({ code, host }: { code: CodeText; host: MarkdownHost }): React.ReactElement {
  const { trans, insertCode } = host;
  const [copied, setCopied] = React.useState(false);
  React.useEffect(() => {
    const timer = copied ? setTimeout(() => setCopied(false), COPIED_MS) : undefined;
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = (): void => {
    void navigator.clipboard?.writeText(code.toString()).then(
      () => setCopied(true),
      () => undefined // forbidden by the page: the text can still be selected
    );
  };
  return (
    <div className="aichat-code-head">
      <span className="aichat-code-lang">{code.lang}</span>
      <CodeButton
        action="copy"
        icon={copied ? 'check' : 'copy'}
        label={copied ? trans.__('Copied') : trans.__('Copy code')}
        onClick={copy}
      />
      {insertCode && (
        <CodeButton
          action="insert"
          icon="insert"
          label={trans.__('Insert into notebook')}
          onClick={() => insertCode(code.toString(), code.lang)}
        />
      )}
    </div>
  );
}

interface ButtonProps {
  action: string;
  icon: IconName;
  label: string;
  onClick(): void;
}

const CodeButton = ({ action, icon, label, onClick }: ButtonProps): React.ReactElement => (
  <button
    type="button"
    className="aichat-code-button"
    data-action={action}
    aria-label={label}
    title={label}
    onClick={onClick}
  >
    <Icon name={icon} />
  </button>
);

/** The text stands outside React: it grows by nodes, and is never rendered twice. */
function CodeBody({ code, rev, label }: { code: CodeText; rev: number; label: string }): React.ReactElement {
  const element = React.useRef<HTMLElement>(null);
  const view = React.useRef<CodeView>();
  React.useLayoutEffect(() => {
    if (view.current?.code !== code) {
      view.current = new CodeView(element.current!, code);
    }
    view.current.update();
  }, [code, rev]);
  return (
    <pre className="aichat-code" data-lang={code.lang} tabIndex={0} role="group" aria-label={label}>
      <code ref={element} />
    </pre>
  );
}
