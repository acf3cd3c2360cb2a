import * as React from 'react';
import type { ApiError } from '../../ui/client/errors';
import { Icon } from '../../ui/components/icons';
import { useService } from '../context';
import { sentenceOf } from './words';

/** A form that the page carries out itself. */
export function Form(p: {
  label?: string;
  onSubmit(): void;
  className?: string;
  children: React.ReactNode;
}): React.ReactElement {
  return (
    <form
      className={`aichat-form ${p.className ?? ''}`}
      aria-label={p.label}
      noValidate
      onSubmit={event => {
        event.preventDefault();
        p.onSubmit();
      }}
    >
      {p.children}
    </form>
  );
}

interface FieldProps extends Omit<React.InputHTMLAttributes<HTMLInputElement>, 'onChange'> {
  label: string;
  value: string;
  onChange(value: string): void;
  /** Stands under the field and is read with it. */
  hint?: React.ReactNode;
  /** What is wrong with the value; stands in the place of the hint. */
  problem?: string;
}

/** A line to write in, with its name above it. */
export const Field = React.forwardRef<HTMLInputElement, FieldProps>(function Field(
  { label, onChange, hint, problem, ...rest },
  ref
) {
  const id = React.useId();
  const note = problem ?? hint;
  return (
    <div className="aichat-field">
      <label htmlFor={id}>{label}</label>
      <input
        ref={ref}
        id={id}
        {...rest}
        aria-invalid={problem ? true : undefined}
        aria-describedby={note ? `${id}-note` : undefined}
        onChange={event => onChange(event.target.value)}
      />
      {note && (
        <p id={`${id}-note`} className={problem ? 'aichat-field-problem' : 'aichat-quiet'}>
          {note}
        </p>
      )}
    </div>
  );
});

/** The name that somebody logs in by; browsers fill in `username`, the name of whoever uses them. */
export function UserNameField(p: {
  value: string;
  onChange(value: string): void;
  autoComplete: 'username' | 'off';
}): React.ReactElement {
  const { trans } = useService();
  return <Field {...p} label={trans.__('User name')} autoCapitalize="off" spellCheck={false} autoFocus />;
}

/** A password; it can be looked at while it is typed. */
export function PasswordField(p: Omit<FieldProps, 'type' | 'ref'>): React.ReactElement {
  const { trans } = useService();
  const [seen, setSeen] = React.useState(false);
  return (
    <div className="aichat-password">
      <Field {...p} type={seen ? 'text' : 'password'} autoCapitalize="off" spellCheck={false} />
      <button
        type="button"
        className="aichat-link"
        aria-pressed={seen}
        aria-label={trans.__('Show what is in “%1”', p.label)}
        onClick={() => setSeen(!seen)}
      >
        {seen ? trans.__('Hide') : trans.__('Show')}
      </button>
    </div>
  );
}

interface Option {
  value: string;
  label: string;
}

/** One of a few. */
export function Choice(p: {
  label: string;
  value: string;
  options: readonly Option[];
  onChange(value: string): void;
}): React.ReactElement {
  const id = React.useId();
  return (
    <div className="aichat-field">
      <label htmlFor={id}>{p.label}</label>
      <select id={id} value={p.value} onChange={event => p.onChange(event.target.value)}>
        {p.options.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </div>
  );
}

/** Yes or no. */
export function Check(p: {
  label: string;
  checked: boolean;
  onChange(checked: boolean): void;
  disabled?: boolean;
}): React.ReactElement {
  return (
    <label className="aichat-check">
      <input
        type="checkbox"
        checked={p.checked}
        disabled={p.disabled}
        onChange={event => p.onChange(event.target.checked)}
      />
      {p.label}
    </label>
  );
}

/** The button that carries a form out. */
export const Submit = (p: { busy: boolean; disabled?: boolean; danger?: boolean; children: React.ReactNode }) => (
  <button
    type="submit"
    className={`aichat-button ${p.danger ? 'aichat-danger' : 'aichat-primary'}`}
    aria-disabled={p.busy || undefined}
    disabled={p.disabled}
  >
    {p.children}
  </button>
);

/** Why something failed, and what to do; said aloud when it appears. */
export function Failed({ error }: { error: ApiError | null }): React.ReactElement {
  const { trans } = useService();
  return (
    <div role="alert" className="aichat-form-error">
      {error && (
        <p className="aichat-error-line">
          <Icon name="warning" /> <span>{sentenceOf(error, trans)}</span>
        </p>
      )}
    </div>
  );
}

/** Says that something was done. */
export const Done = ({ children }: { children: React.ReactNode }): React.ReactElement => (
  <p role="status" className="aichat-done">
    {children && (
      <>
        <Icon name="check" /> {children}
      </>
    )}
  </p>
);
