// The documentation site: the pages of docs/ and the API pages that TypeDoc writes into docs/api.
import { existsSync, readFileSync } from 'node:fs';
import { defineConfig, type DefaultTheme } from 'vitepress';

const API = new URL('../api/typedoc-sidebar.json', import.meta.url);

/** The API's own tree, where TypeDoc has run. */
function apiSidebar(): DefaultTheme.SidebarItem[] {
  return existsSync(API) ? (JSON.parse(readFileSync(API, 'utf8')) as DefaultTheme.SidebarItem[]) : [];
}

/** Addresses relative to the page, so that the site also opens from disk, without a server. */
function relativeAddresses(html: string, file: string): string {
  const up = '../'.repeat(file.split('/').length - 1) || './';
  return html.replace(/\b(href|src)="\/(?!\/)([^"]*)"/g, (_, name: string, path: string) => {
    const [, folder = '', rest = ''] = /^([^#?]*)(.*)$/.exec(path) ?? [];
    return `${name}="${up}${folder}${folder === '' || folder.endsWith('/') ? 'index.html' : ''}${rest}"`;
  });
}

const page = (text: string, link: string): DefaultTheme.SidebarItem => ({ text, link });

const guide: DefaultTheme.SidebarItem[] = [
  {
    text: 'Start',
    items: [
      page('Get started', '/get-started'),
      page('Quickstart', '/quickstart'),
      page('Coming from transformers', '/coming-from-transformers'),
      page('Troubleshooting', '/troubleshooting'),
    ],
  },
  {
    text: 'Fine-tune',
    items: [
      page('VQA 2.0', '/fine-tune-vqa'),
      page('NLVR2', '/fine-tune-nlvr2'),
      page('Your own data', '/fine-tune-own-data'),
      page('Training in detail', '/training'),
      page('Several workers', '/distributed'),
      page('Command line', '/command-line'),
      page('Settings', '/settings'),
      page('Data and features', '/data'),
    ],
  },
  {
    text: 'Use',
    items: [
      page('Pictures', '/pictures'),
      page('Pipelines', '/pipelines'),
      page('Explain', '/explain'),
      page('Serve', '/serve'),
      page('Browser', '/browser'),
      page('Models', '/models'),
      page('Examples', '/examples'),
      page('Convert', '/converting'),
    ],
  },
  {
    text: 'Engine',
    items: [page('Install', '/install'), page('GPU', '/gpu'), page('Inside the engine', '/engine')],
  },
  {
    text: 'Measured',
    items: [page('Results', '/results'), page('Speed', '/bench'), page('Parity', '/parity')],
  },
  { text: 'Contribute', items: [page('Architecture', '/architecture')] },
];

export default defineConfig({
  title: 'visualbert-tfjs',
  description: 'VisualBERT for TensorFlow.js: train, fine-tune, convert and run it in TypeScript',
  lang: 'en',
  outDir: '../dist/docs',
  cleanUrls: false,
  transformHtml: (html, _, { page: source }) => relativeAddresses(html, source),
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'Guide', link: '/get-started' },
      { text: 'API', link: '/api/' },
    ],
    sidebar: { '/api/': apiSidebar(), '/': guide },
    outline: [2, 3],
  },
});
