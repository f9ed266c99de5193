import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

test('the server conforms', () => {
  execFileSync('npx', ['parlor', 'test', '--start', './start', '--require', 'core'], {
    stdio: 'inherit',
  });
});
