// Addresses of files that vite copies next to the page.
declare module '*?url' {
  const url: string;
  export default url;
}
