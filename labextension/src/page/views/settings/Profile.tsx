import * as React from 'react';
import { useCell } from '../../../ui/state/cell';
import type { Trans } from '../../../ui/i18n';
import type { MeReply } from '../../../ui/protocol.generated';
import { useService } from '../../context';
import { Done, Failed, Field, Form, Submit } from '../../parts/forms';
import { Section } from '../../parts/Section';
import { useAction } from '../../parts/useAction';
import { THEMES, type Theme } from '../../theme';

/** How a person is called, and how the page looks. */
export const Profile = ({ me }: { me: MeReply }): React.ReactElement => (
  <>
    <Names me={me} />
    <Appearance />
  </>
);

function Names({ me }: { me: MeReply }): React.ReactElement {
  const { accounts, session, trans } = useService();
  const [name, setName] = React.useState(me.display_name);
  const [saved, setSaved] = React.useState(false);
  const save = useAction(async () => {
    await accounts.change({ display_name: name });
    await session.enter();
    setSaved(true);
  });
  return (
    <Section title={trans.__('Names')}>
      <Form onSubmit={() => void save.run()}>
        <Field
          label={trans.__('Display name')}
          value={name}
          onChange={value => {
            setName(value);
            setSaved(false);
          }}
          autoComplete="name"
          dir="auto"
          hint={trans.__('What others see. You log in as “%1”.', me.name)}
        />
        <Failed error={save.error} />
        <div className="aichat-form-end">
          <Submit busy={save.busy} disabled={!name.trim() || name === me.display_name}>
            {trans.__('Save')}
          </Submit>
          <Done>{saved && trans.__('Saved')}</Done>
        </div>
      </Form>
    </Section>
  );
}

function Appearance(): React.ReactElement {
  const { theme, trans } = useService();
  const chosen = useCell(theme.theme);
  return (
    <Section title={trans.__('Colours')} lead={trans.__('In this browser.')}>
      <div role="radiogroup" aria-label={trans.__('Colours')} className="aichat-radios">
        {THEMES.map(each => (
          <label key={each} className="aichat-check">
            <input
              type="radio"
              name="theme"
              value={each}
              checked={chosen === each}
              onChange={() => theme.choose(each)}
            />
            {nameOf(each, trans)}
          </label>
        ))}
      </div>
    </Section>
  );
}

function nameOf(theme: Theme, trans: Trans): string {
  switch (theme) {
    case 'system':
      return trans.__('As the system has it');
    case 'light':
      return trans.__('Light');
    case 'dark':
      return trans.__('Dark');
  }
}
