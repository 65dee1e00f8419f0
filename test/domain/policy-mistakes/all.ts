/** Every malformed policy that the tests know, with the place and the expectation that must be reported. */
import type { Case } from '../policy-build.ts';
import { DOCUMENT, TEXT } from './document.ts';
import { CRITERIA, ORDER, PACE, SELECT } from './settings.ts';
import { WINDOWS } from './windows.ts';

export const MISTAKES: readonly Case[] = [...TEXT, ...DOCUMENT, ...WINDOWS, ...SELECT, ...CRITERIA, ...ORDER, ...PACE];
