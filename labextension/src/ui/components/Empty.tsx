import * as React from 'react';
import { isOfService } from '../client/errors';
import { useCell } from '../state/cell';
import { useChat } from './context';
import { Icon } from './icons';
import { usePassedFocus } from './usePassedFocus';

/** What is seen before the first message: what this is, how the models stand, and where to begin. */
export function Empty(): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const place = React.useRef<HTMLDivElement>(null);
  usePassedFocus(place, useCell(model.models));
  const examples = host.examples?.() ?? [
    trans.__('Explain what a list comprehension does, with an example'),
    trans.__('Write a function that reads a CSV file and plots two columns'),
    trans.__('Why would pandas say “SettingWithCopyWarning”?')
  ];
  return (
    <div className="aichat-empty" ref={place}>
      <div className="aichat-empty-mark">
        <Icon name="chat" />
      </div>
      <p className="aichat-empty-lead">
        {host.served
          ? trans.__('Ask about your work. Answers come from models that this service runs.')
          : trans.__('Ask about your work. Answers come from your own models.')}
      </p>
      <ModelNotice />
      <ul className="aichat-examples" aria-label={trans.__('Examples')}>
        {examples.map(example => (
          <li key={example}>
            <button type="button" onClick={() => model.send(example)}>
              {example}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Says what to do where no model answers. */
function ModelNotice(): React.ReactElement | null {
  const { model, host } = useChat();
  const { trans } = host;
  const { status, items, providers, selected, error } = useCell(model.models);
  if (status === 'loading') {
    return <p className="aichat-notice aichat-quiet">{trans.__('Looking for models …')}</p>;
  }
  const away = providers.find(provider => provider.state !== 'ok');
  const told = away?.error ?? (error && isOfService(error) ? error : null);
  const demo = items.find(each => each.demo);
  const real = items.some(each => !each.demo);
  if (status === 'error' || (away && !real)) {
    return (
      <div className="aichat-notice" role="status">
        <p>{told ? <Code text={told.message} /> : trans.__('The models cannot be listed right now.')}</p>
        <p className="aichat-notice-actions">
          <button type="button" className="aichat-button" onClick={() => void model.refreshModels()}>
            {trans.__('Retry')}
          </button>
          {demo && selected !== demo.name && (
            <button type="button" className="aichat-button" onClick={() => model.selectModel(demo.name)}>
              {trans.__('Use the demo model')}
            </button>
          )}
        </p>
        {demo && <p className="aichat-quiet">{trans.__('The demo is scripted, not a model.')}</p>}
      </div>
    );
  }
  if (!real) {
    return (
      <div className="aichat-notice" role="status">
        <p>
          <Code
            text={
              host.served
                ? trans.__('No model yet. When an administrator has installed one, it appears here by itself.')
                : trans.__('No model yet. Get one with `ollama pull llama3.2` (2 GB); it appears here by itself.')
            }
          />
        </p>
      </div>
    );
  }
  return null;
}

/** Text in which back-ticked pieces are code; never HTML. */
export const Code = ({ text }: { text: string }): React.ReactElement => (
  <>
    {text
      .split('`')
      .map((piece, i) => (i % 2 ? <code key={i}>{piece}</code> : <React.Fragment key={i}>{piece}</React.Fragment>))}
  </>
);
