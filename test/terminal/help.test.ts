import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OPTIONS } from '../../src/flags.ts';
import { helpText } from '../../src/terminal/help.ts';

describe('the help', () => {
  for (const [name, option] of Object.entries(OPTIONS)) {
    test(`explains --${name}`, () => {
      const line = helpText()
        .split('\n')
        .find(text => text.trim().startsWith(`--${name} `));
      assert.ok(line?.endsWith(option.help), line);
    });
  }

  for (const command of ['run', 'plan', 'status', 'windows', 'validate FILE', 'schema', 'resume']) {
    test(`explains ${command}`, () => assert.match(helpText(), new RegExp(`^  ${command} {2,}\\S`, 'm')));
  }

  for (const code of [0, 1, 2, 3, 4, 5, 143]) {
    test(`explains exit code ${code}`, () => assert.match(helpText(), new RegExp(`^  ${code} +\\S`, 'm')));
  }

  test('fits a wide terminal', () => {
    const longest = Math.max(
      ...helpText()
        .split('\n')
        .map(line => line.length),
    );
    assert.ok(longest <= 140, `${longest}`);
  });
});
