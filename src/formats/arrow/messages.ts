// The messages of Arrow's files and streams: metadata, then a body of buffers.
import type { ByteSource } from '../../byte-source.js';
import { FlatTable } from '../flat-table.js';
import { checked, damaged } from './damage.js';

const FILE_MARK = 'ARROW1';
/** First bytes of a message since Arrow 0.15. */
const CONTINUATION = 0xffffffff;
/** Bytes read of a message at once: nearly always all but its body. */
const HEAD_BYTES = 4096;
const MAX_METADATA_BYTES = 16 << 20;

/** Whether a file begins as Arrow's files or streams do: the mark, or a first message, which is a schema of less than a megabyte. */
export function isArrow(head: Uint8Array): boolean {
  if (new TextDecoder('latin1').decode(head.subarray(0, FILE_MARK.length)) === FILE_MARK) return true;
  if (head.byteLength < 16) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return view.getUint32(0, true) === CONTINUATION && view.getUint32(4, true) < 1 << 20 && view.getUint32(8, true) < 64;
}

/** The metadata of each message and where its body begins. */
export async function* messages(source: ByteSource): AsyncGenerator<{ type: number; header: FlatTable; body: number }> {
  let at = 0;
  while (at + 8 <= source.size) {
    const head = await source.read(at, Math.min(HEAD_BYTES, source.size - at));
    if (at === 0 && new TextDecoder('latin1').decode(head.subarray(0, FILE_MARK.length)) === FILE_MARK) {
      at = 8; // the mark, then a stream, then a footer that repeats its metadata
      continue;
    }
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const prefix = view.getUint32(0, true) === CONTINUATION ? 8 : 4;
    const length = view.getUint32(prefix - 4, true);
    if (length === 0) return;
    if (length > MAX_METADATA_BYTES || at + prefix + length > source.size)
      throw damaged(source, `the message at byte ${at} would be ${length} bytes long`);
    const bytes =
      prefix + length <= head.byteLength
        ? head.subarray(prefix, prefix + length)
        : await source.read(at + prefix, length);
    const body = at + prefix + length;
    const { type, header, bodyBytes } = checked(source, () => {
      const message = FlatTable.root(bytes);
      return { type: message.uint8(1), header: message.table(2), bodyBytes: message.int64(3) };
    });
    if (header === null || !(bodyBytes >= 0 && body + bodyBytes <= source.size))
      throw damaged(source, `the message at byte ${at} says that ${bodyBytes} bytes follow it`);
    yield { type, header, body };
    at = body + bodyBytes;
  }
}
