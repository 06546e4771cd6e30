export * from '../store/brake.ts';
