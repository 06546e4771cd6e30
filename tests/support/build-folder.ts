/** Names the folder of the build of this test run (build.ts) to its processes; where it is unset, they start from the sources or bundle them first. */
export const BUILD = 'TANDEM_TEST_BUILD';
/** How the names of these folders in `.cache` begin. */
export const BUILD_PREFIX = 'test-build-';
