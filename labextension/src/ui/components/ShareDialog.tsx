import * as React from 'react';
import { asApiError } from '../client/errors';
import type { NewShareReply, ShareReply } from '../protocol.generated';
import { isolated, type Trans } from '../i18n';
import { CopyButton } from './Actions';
import { useChat } from './context';
import { Dialog } from './parts';
import { ShareForm } from './ShareForm';
import { useRowFocus } from './useRowFocus';

interface Props {
  open: boolean;
  chatId: string;
  onClose(): void;
}

/** Lets others read a chat: by a link, or by their user name; and takes that back. */
export function ShareDialog({ open, chatId, onClose }: Props): React.ReactElement {
  const { trans } = useChat().host;
  return (
    <Dialog open={open} title={trans.__('Share this chat')} onClose={onClose}>
      <Sharing chatId={chatId} />
      <div className="aichat-dialog-actions">
        <button type="button" className="aichat-button" onClick={onClose}>
          {trans.__('Close')}
        </button>
      </div>
    </Dialog>
  );
}

function Sharing({ chatId }: { chatId: string }): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const [shares, setShares] = React.useState<readonly ShareReply[]>([]);
  const [made, setMade] = React.useState<NewShareReply | null>(null);
  const [error, setError] = React.useState('');
  const place = React.useRef<HTMLDivElement>(null);
  useRowFocus(place, shares);
  const attempt = React.useCallback(
    (work: () => Promise<void>): Promise<void> =>
      work().then(
        () => setError(''),
        (failure: unknown) => setError(asApiError(failure).message)
      ),
    []
  );
  const load = React.useCallback(async () => setShares(await model.shares.of(chatId)), [model, chatId]);
  React.useEffect(() => {
    void attempt(load);
  }, [attempt, load]);
  const revoke = (id: string): Promise<void> =>
    attempt(async () => {
      await model.shares.revoke(chatId, id);
      setMade(now => (now?.id === id ? null : now));
      await load();
    });
  return (
    <div ref={place} tabIndex={-1} className="aichat-share">
      <p className="aichat-quiet">
        {trans.__('Readers see the branch that you see, also what is still to come. They can change nothing.')}
      </p>
      <ShareForm
        trans={trans}
        onShare={wish =>
          attempt(async () => {
            setMade(await model.shares.make(chatId, wish));
            await load();
          })
        }
      />
      {error && (
        <p className="aichat-error-line" role="alert">
          {error}
        </p>
      )}
      {made && host.sharedUrl && <Made share={made} url={host.sharedUrl(made.token ?? made.id)} trans={trans} />}
      <Present shares={shares} trans={trans} onRevoke={id => void revoke(id)} />
    </div>
  );
}

/** The address of a new share, to be taken along now: a link's is never shown again. */
function Made({ share, url, trans }: { share: NewShareReply; url: string; trans: Trans }): React.ReactElement {
  const field = React.useRef<HTMLInputElement>(null);
  const id = React.useId();
  React.useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, [url]);
  return (
    <div className="aichat-share-made">
      <label htmlFor={id}>
        {share.with === null
          ? trans.__('The link; it is shown only now')
          : trans.__('%1 can read it here', isolated(share.with))}
      </label>
      <div className="aichat-share-link">
        <input ref={field} id={id} type="text" dir="ltr" readOnly value={url} />
        <CopyButton text={() => url} trans={trans} />
      </div>
      <p className="aichat-quiet">{lasts(share, trans)}</p>
    </div>
  );
}

function Present(p: {
  shares: readonly ShareReply[];
  trans: Trans;
  onRevoke(id: string): void;
}): React.ReactElement | null {
  const { shares, trans } = p;
  const id = React.useId();
  if (!shares.length) {
    return null;
  }
  return (
    <section aria-labelledby={id}>
      <h3 id={id}>{trans.__('Shared now')}</h3>
      <ul className="aichat-share-list">
        {shares.map(share => {
          const name = share.with === null ? trans.__('A link') : trans.__('With %1', isolated(share.with));
          return (
            <li key={share.id}>
              <span className="aichat-share-what">
                <span>{name}</span> <span className="aichat-quiet">{until(share, trans)}</span>
              </span>
              <button
                type="button"
                className="aichat-link"
                aria-label={trans.__('Revoke: %1, %2', name, until(share, trans))}
                onClick={() => p.onRevoke(share.id)}
              >
                {trans.__('Revoke')}
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

const until = ({ expires_at: end, created_at: begin }: ShareReply, trans: Trans): string =>
  end === null ? trans.__('since %1', moment(begin)) : trans.__('until %1', moment(end));

const lasts = ({ expires_at: end }: ShareReply, trans: Trans): string =>
  end === null ? trans.__('Until you revoke it.') : trans.__('Until %1.', moment(end));

const moment = (time: string): string =>
  new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
