// Writes docs/settings.md from the schemas of the settings. Needs a build.
import { writeFileSync } from 'node:fs';
import { settingsPage } from '../dist/scripts/settings-page.js';

writeFileSync(new URL('../docs/settings.md', import.meta.url), settingsPage());
