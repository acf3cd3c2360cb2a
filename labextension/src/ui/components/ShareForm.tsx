import * as React from 'react';
import type { NewShareBody } from '../protocol.generated';
import type { Trans } from '../i18n';

const DAY_S = 24 * 3600;

/** With whom, and for how long. */
export function ShareForm({
  trans,
  onShare
}: {
  trans: Trans;
  onShare(wish: NewShareBody): Promise<void>;
}): React.ReactElement {
  const id = React.useId();
  const [byLink, setByLink] = React.useState(true);
  const [name, setName] = React.useState('');
  const [days, setDays] = React.useState('7');
  const [busy, setBusy] = React.useState(false);
  const share = (event: React.FormEvent): void => {
    event.preventDefault();
    if (busy) {
      return;
    }
    const wish: NewShareBody = byLink ? {} : { with: name.trim() };
    setBusy(true);
    void onShare(days ? { ...wish, expires_in: Number(days) * DAY_S } : wish).finally(() => setBusy(false));
  };
  return (
    <form className="aichat-share-form" onSubmit={share}>
      <fieldset>
        <legend>{trans.__('Who may read it')}</legend>
        <label>
          <input type="radio" name={id} checked={byLink} onChange={() => setByLink(true)} />
          {trans.__('Whoever has the link')}
        </label>
        <label>
          <input type="radio" name={id} checked={!byLink} onChange={() => setByLink(false)} />
          {trans.__('One user')}
        </label>
      </fieldset>
      {!byLink && (
        <label className="aichat-share-field">
          {trans.__('User name')}
          <input
            type="text"
            required
            autoFocus
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={256}
            value={name}
            onChange={event => setName(event.target.value)}
          />
        </label>
      )}
      <label className="aichat-share-field">
        {trans.__('How long')}
        <select value={days} onChange={event => setDays(event.target.value)}>
          <option value="1">{trans.__('for a day')}</option>
          <option value="7">{trans.__('for a week')}</option>
          <option value="30">{trans.__('for 30 days')}</option>
          <option value="">{trans.__('until I revoke it')}</option>
        </select>
      </label>
      <button type="submit" className="aichat-button aichat-primary" aria-disabled={busy || undefined}>
        {byLink ? trans.__('Make a link') : trans.__('Share')}
      </button>
    </form>
  );
}
