// Attention with the tiles of packed products. No TensorFlow header is included.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

#include "loops/attention_loops.h"

#include <algorithm>

#include "loops/fused_loops.h"
#include "loops/packed_matrix.h"
#include "loops/packed_tiles.h"
#include "loops/scratch.h"

namespace visualbert {
namespace {

// sums [rows, 32] = rows of x times a panel in the cache.
void multiply_tile(const Tiles& tiles, int64_t rows, const float* x, int64_t stride, const float* panel, int64_t depth, float* sums) {
  std::fill(sums, sums + rows * kPanel, 0.0f);
  const Ahead cached{reinterpret_cast<const char*>(panel), 0};  // a null address would cost a page walk at each step
  for (int64_t column = 0; column < kPanel; column += tiles.columns) tiles.tile[rows - 1](x, stride, panel + column, depth, sums + column, cached);
}

}  // namespace

void attend(const Head& head) {
  const int64_t key_panels = (head.key_count + kPanel - 1) / kPanel, size_panels = (head.size + kPanel - 1) / kPanel;
  const int64_t width = key_panels * kPanel;
  float* keys = scratch<float>(0, static_cast<size_t>(width * head.size));
  float* values = scratch<float>(1, static_cast<size_t>(size_panels * kPanel * head.key_count));
  std::fill(keys, keys + width * head.size, 0.0f);
  std::fill(values, values + size_panels * kPanel * head.key_count, 0.0f);
  for (int64_t key = 0; key < head.key_count; ++key) {
    const float *from = head.keys + key * head.stride, *value = head.values + key * head.stride;
    float* to = keys + key / kPanel * kPanel * head.size + key % kPanel;
    for (int64_t k = 0; k < head.size; ++k) to[k * kPanel] = from[k];
    for (int64_t c = 0; c < head.size; c += kPanel) {
      std::copy(value + c, value + std::min(c + kPanel, head.size), values + (c * head.key_count + key * kPanel));
    }
  }
  const Tiles& tiles = float_tiles();
  float* scores = scratch<float>(2, static_cast<size_t>(kMostTileRows * width));
  alignas(64) float sums[kMostTileRows * kPanel];
  each_block(head.query_count, tiles.rows, [&](int64_t row, int64_t count) {
    for (int64_t panel = 0; panel < key_panels; ++panel) {
      multiply_tile(tiles, count, head.queries + row * head.stride, head.stride, keys + panel * kPanel * head.size, head.size, sums);
      for (int64_t i = 0; i < count; ++i) std::copy(sums + i * kPanel, sums + (i + 1) * kPanel, scores + i * width + panel * kPanel);
    }
    for (int64_t i = 0; i < count; ++i) softmax_row(scores + i * width, head.bias, head.scale, scores + i * width, head.key_count);
    for (int64_t panel = 0; panel < size_panels; ++panel) {
      multiply_tile(tiles, count, scores, width, values + panel * kPanel * head.key_count, head.key_count, sums);
      const int64_t first = panel * kPanel, last = std::min(first + kPanel, head.size);
      for (int64_t i = 0; i < count; ++i) {
        std::copy(sums + i * kPanel, sums + i * kPanel + (last - first), head.result + (row + i) * head.stride + first);
      }
    }
  });
}

}  // namespace visualbert
