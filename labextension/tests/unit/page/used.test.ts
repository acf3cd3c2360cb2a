import { expect, test } from 'vitest';
import { byModel, valuesOf } from '../../../src/page/views/settings/Used';
import type { UsedReply } from '../../../src/ui/protocol.generated';

const used = (day: string, model: string, tokens: number): UsedReply => ({
  day,
  model,
  prompt_tokens: tokens,
  completion_tokens: 1,
  seconds: 1.25,
  runs: 2
});

test('what one used is summed by model, of today and of all', () => {
  const models = byModel([used('2026-11-25', 'b', 10), used('2026-11-25', 'a', 5), used('2026-11-01', 'b', 100)]);
  expect([...models.keys()]).toEqual(['a', 'b']);
  expect(valuesOf(models.get('b') ?? [], '2026-11-25')).toEqual([2, 11, 4, 112, 3]);
  expect(valuesOf(models.get('b') ?? [], '2026-11-26')).toEqual([0, 0, 4, 112, 3]);
});
