import type { Mistake } from './change.ts';
import { BUFFER, DEMO, MODERATION, replies } from './files.ts';

export const eventMistakes: Mistake[] = [
  [
    'a type that is never published',
    [[DEMO, ['spec', 'filter', 'attributes', 'type'], 'form.sent']],
    `${DEMO}: no published event passes`,
  ],
  [
    'a missing form',
    [[DEMO, ['spec', 'filter', 'attributes', 'form'], 'no-form']],
    `${DEMO}: its filter names no-form, which is not a form`,
  ],
  [
    'a missing form next to an existing one',
    [
      [
        DEMO,
        ['spec', 'filters'],
        [{ any: [{ exact: { form: 'demo-form' } }, { exact: { form: 'no-form' } }] }],
      ],
    ],
    `${DEMO}: its filter names no-form, which is not a form`,
  ],
  [
    'a filter that contradicts itself',
    [
      [
        DEMO,
        ['spec', 'filters'],
        [{ exact: { type: 'form.submitted' } }, { not: { prefix: { type: 'form.' } } }],
      ],
    ],
    `${DEMO}: no published event passes`,
  ],
  [
    'a reply of the type that it answers',
    [replies('form.submitted')],
    'form.submitted leads to form.submitted again',
  ],
  [
    'a reply that comes back by way of another',
    [
      replies('form.analyzed, form.other'),
      [BUFFER, ['spec', 'filter', 'attributes', 'type'], 'form.analyzed'],
      [
        'knative/tasks/sheets-buffer.yaml',
        ['metadata', 'annotations'],
        { 'formbus.dev/replies': 'form.submitted' },
      ],
    ],
    'form.analyzed leads to form.analyzed again',
  ],
  [
    'a reply that comes back by way of two others',
    [
      replies('form.scored'),
      [DEMO, ['spec', 'filter', 'attributes'], { type: 'form.analyzed' }],
      [MODERATION, ['spec', 'filters'], [{ any: [{ exact: { type: 'form.scored', high: 'true' } }] }]],
      [
        'knative/tasks/sheets-buffer.yaml',
        ['metadata', 'annotations'],
        { 'formbus.dev/replies': 'form.submitted' },
      ],
    ],
    'form.analyzed leads to form.analyzed again',
  ],
  [
    'a reply to a task that takes everything',
    [replies('form.scored'), [DEMO, ['spec', 'filter']]],
    'form.scored leads to form.scored again',
  ],
  [
    'two Triggers of a task for the same event',
    [[MODERATION, ['spec', 'filters', 0, 'any', 0, 'exact', 'type'], 'form.submitted']],
    `${BUFFER}: delivers to sheets-buffer what ${MODERATION} delivers`,
  ],
];
