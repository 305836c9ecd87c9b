import type { Mistake } from './change.ts';
import { containerMistakes } from './container-mistakes.ts';
import { deliveryMistakes } from './delivery-mistakes.ts';
import { eventMistakes } from './event-mistakes.ts';
import { monitoringMistakes } from './monitoring-mistakes.ts';
import { nameMistakes } from './name-mistakes.ts';
import { platformMistakes } from './platform-mistakes.ts';

/** For each way to break a rule a mistake: without these a rule could find nothing, and nobody would notice. */
export const MISTAKES: Mistake[] = [
  ...nameMistakes,
  ...eventMistakes,
  ...deliveryMistakes,
  ...containerMistakes,
  ...platformMistakes,
  ...monitoringMistakes,
];
