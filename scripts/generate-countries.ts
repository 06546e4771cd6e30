/** Writes mappings/values/countries.yaml: ISO 3166 alpha-3 -> alpha-2. Run it when the standard gains or loses a country. */
import { writeFile } from 'node:fs/promises';
import countries from 'i18n-iso-countries';

const rows = Object.entries(countries.getAlpha3Codes()).sort(([a], [b]) => (a < b ? -1 : 1));
// Quoted, as tools that speak YAML 1.1 read a bare NO as false.
const lines = rows.map(([alpha3, alpha2]) => `  ${alpha3}: ${alpha2 === 'NO' ? '"NO"' : alpha2}`);
const text = [
  'description: Country codes of ISO 3166-1. Written by scripts/generate-countries.ts.',
  'alpha3-alpha2:',
  ...lines,
  '',
].join('\n');
await writeFile(new URL('../mappings/values/countries.yaml', import.meta.url), text);
