// Addresses of files that vite copies beside the page.
declare module '*?url' {
  const url: string;
  export default url;
}
