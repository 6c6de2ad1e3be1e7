// Pixels of what is given to a detector.
import { loadPicture } from '#vision';
import { isPicture, type Picture, requirePictureInput } from '../features/picture-detector.js';
import type { RgbImage } from '../pictures/rgb-image.js';

/** Reads a picture; pixels are returned as they are. @throws ConfigError for what is neither; DataError for a picture that cannot be read */
export async function pixelsOf(owner: string, picture: Picture | RgbImage): Promise<RgbImage> {
  requirePictureInput(owner, picture);
  return isPicture(picture) ? loadPicture(picture) : picture;
}
