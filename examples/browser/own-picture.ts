// A picture file that is chosen or dropped, and its pixels.
import type { RgbImage } from '../../src/index.js';

/** Longer sides are reduced: the detector looks at small pictures. */
const LONGEST_SIDE = 512;

/** Decodes a picture as the browser shows it, over white. @throws Error for a file that the browser cannot show */
export async function readOwnPicture(file: Blob & { name?: string }): Promise<RgbImage> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name ?? 'the file'} is no picture that this browser shows`);
  });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ];
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, rgb: Uint8Array.from(data.filter((_, i) => i % 4 < 3)) };
}

/** Calls `use` with each file that is chosen in the field `file`, or dropped on the picture. */
export function onPictureFile(use: (file: File) => void): void {
  const [field, view] = [document.getElementById('file') as HTMLInputElement, document.getElementById('scene')];
  const useFirst = (files: FileList | null | undefined): void => {
    if (files?.[0] !== undefined) use(files[0]);
  };
  field.addEventListener('change', () => useFirst(field.files));
  view?.addEventListener('dragover', (event) => event.preventDefault());
  view?.addEventListener('drop', (event) => {
    event.preventDefault();
    useFirst(event.dataTransfer?.files);
  });
}
