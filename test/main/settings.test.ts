import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSettings } from '../../src/main/config.ts';
import { configOf, DEFAULT_CONFIG, defaultText, SETTING_NAMES } from '../../src/main/settings.ts';

describe('the default of a setting', () => {
  for (const key of SETTING_NAMES) {
    it(`is what its text is read as: ${key}`, () => {
      const value = defaultText(key);
      assert.deepEqual(readSettings([{ key, value, where: 'here' }]), { [key]: DEFAULT_CONFIG[key] });
    });
  }

  it('is there for every setting', () => {
    assert.deepEqual(Object.keys(DEFAULT_CONFIG).sort(), [...SETTING_NAMES].sort());
  });
});

describe('the settings in force', () => {
  it('are the defaults where no source says anything', () => {
    assert.deepEqual(configOf({}, {}), DEFAULT_CONFIG);
  });

  it('are those of the last source that gives one, and nobody changes them', () => {
    const config = configOf({ minSharedCpus: 2, priority: 'numa' }, { minSharedCpus: 3 });
    assert.deepEqual(config, { ...DEFAULT_CONFIG, minSharedCpus: 3, priority: 'numa' });
    assert.ok(Object.isFrozen(config));
  });
});
