import type { Mistake } from './change.ts';
import { containerMistakes } from './container-mistakes.ts';
import { deliveryMistakes } from './delivery-mistakes.ts';
import { eventMistakes } from './event-mistakes.ts';
import { monitoringMistakes } from './monitoring-mistakes.ts';
import { nameMistakes } from './name-mistakes.ts';
import { platformMistakes } from './platform-mistakes.ts';

/** A mistake for each way to break a rule. Without these, a rule that finds nothing would go unnoticed. */
export const MISTAKES: Mistake[] = [
  ...nameMistakes,
  ...eventMistakes,
  ...deliveryMistakes,
  ...containerMistakes,
  ...platformMistakes,
  ...monitoringMistakes,
];
