export { parseRecordKey, recordKey } from '../store/record-key.ts';
