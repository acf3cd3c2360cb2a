import * as React from 'react';
import type { Model } from '../protocol.generated';
import type { Trans } from '../i18n';
import { useCell } from '../state/cell';
import { useChat } from './context';
import { Icon } from './icons';
import { Menu } from './parts';

/** Which model answers, and how the models stand. */
export function ModelPicker(): React.ReactElement {
  const { model, host } = useChat();
  const { trans } = host;
  const { items, providers, status } = useCell(model.models);
  useCell(model.current); // the chat has a say, too
  const wanted = model.modelName();
  const current = items.find(each => each.name === wanted || each.name === `${wanted}:latest`);
  const name = current?.name ?? wanted ?? (status === 'loading' ? '…' : trans.__('No model'));
  const away = providers.find(provider => provider.state !== 'ok');
  return (
    <Menu
      className="aichat-model"
      label={trans.__('Model: %1', short(name))}
      items={items.map(each => ({
        label: short(each.name),
        detail: detail(each, trans),
        checked: each === current,
        run: () => model.selectModel(each.name)
      }))}
      note={away?.error?.message ?? (items.length ? undefined : trans.__('No model answers.'))}
    >
      <span className="aichat-dot" data-state={current?.demo ? 'demo' : current && !away ? 'ok' : 'away'} />
      <span className="aichat-model-name">{short(name)}</span>
      {current?.demo && <span className="aichat-quiet">{trans.__('scripted, not a model')}</span>}
      <Icon name="down" />
    </Menu>
  );
}

const short = (name: string): string => name.replace(/:latest$/, '');

function detail(model: Model, trans: Trans): string {
  if (model.demo) {
    return trans.__('scripted, not a model');
  }
  const said = [];
  if (model.size) {
    said.push(
      model.size >= 1e9 ? `${(model.size / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.round(model.size / 1e6))} MB`
    );
  }
  if (model.capabilities.includes('thinking')) {
    said.push(trans.__('thinks'));
  }
  if (model.loaded) {
    said.push(trans.__('loaded'));
  }
  return said.join(' · ');
}
