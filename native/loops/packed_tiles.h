// The innermost products: some rows of x with one panel of a packed matrix, for each generation of processors.
#ifndef VISUALBERT_PACKED_TILES_H_
#define VISUALBERT_PACKED_TILES_H_

#include <cstdint>

namespace visualbert {

constexpr int kMostTileRows = 14;  // 14 x 32 sums fill 28 of the 32 registers of AVX-512

// Memory that is needed next, fetched into the cache piece by piece while the processor computes.
struct Ahead {
  const char* next;
  int64_t step;
  void fetch() {
    __builtin_prefetch(next, 0, 2);
    next += step;
  }
};

// What rows of sums begin with, and where they are written. A pitch is the number of sums from one row to the next; 0: all begin with the same.
struct Sums {
  const void* from;
  int64_t from_pitch;
  void* to;
  int64_t pitch;
};

// Adds the products of rows of x, `stride` elements apart, with some columns of a panel to sums. `depth` is a padded number of values.
using Tile = void (*)(const void* x, int64_t stride, const void* panel, int64_t depth, const Sums& sums, Ahead ahead);

// Products with 1 to `rows` rows and `columns` of the 32 columns: the fastest functions for this processor.
struct Tiles {
  int rows, columns;
  Tile tile[kMostTileRows];
};

// Calls work(first, count) for blocks of at most `most` rows and nearly equal size.
inline int64_t block_count(int64_t rows, int64_t most) { return (rows + most - 1) / most; }
template <typename Work>
void each_block(int64_t rows, int64_t most, Work work) {
  const int64_t blocks = block_count(rows, most), least = blocks == 0 ? 0 : rows / blocks, larger = rows - least * blocks;
  for (int64_t block = 0, first = 0; block < blocks; ++block) {
    const int64_t count = least + (block < larger);
    work(first, count);
    first += count;
  }
}

// x float32, panel float32, sums float32.
const Tiles& float_tiles();
// x and panel bfloat16 where `multiplies_bfloat16`, else float32; sums float32.
const Tiles& bfloat16_tiles();
bool multiplies_bfloat16();
// x uint8 up to `largest_byte`, panel int8, sums int32.
const Tiles& byte_tiles();
int largest_byte();

}  // namespace visualbert

#endif  // VISUALBERT_PACKED_TILES_H_
