/**
 * The codecs that kafkajs lacks. Reading lz4 matters: capture writes it. Without a codec a consumer
 * ends with an error that names it.
 */
import kafkajs from 'kafkajs';
import { compressFrame, decompressFrame } from 'lz4-napi';

/** Idempotent. */
export function registerCodecs(): void {
  // Node finds no named export CompressionCodecs in kafkajs, which is CommonJS.
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: (encoder: { readonly buffer: Buffer }) => compressFrame(encoder.buffer),
    decompress: (bytes: Buffer) => decompressFrame(bytes),
  });
}
