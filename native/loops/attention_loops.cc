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
#include "loops/vector_math.h"

namespace visualbert {
namespace {

// sums [rows, 32] = rows of x times a panel in the cache.
void multiply_tile(const Tiles& tiles, int64_t rows, const float* x, int64_t stride, const float* panel, int64_t depth, float* sums) {
  static const float zeros[kPanel] = {};
  const Ahead cached{reinterpret_cast<const char*>(panel), 0};  // a null address would cost a page walk at each step
  for (int64_t column = 0; column < kPanel; column += tiles.columns) {
    tiles.tile[rows - 1](x, stride, panel + column, depth, {zeros, 0, sums + column, kPanel}, cached);
  }
}

// Calls work(row, values, count) for the parts of rows first..first + size of a packed float32 matrix that are side by side in a panel: value
// (row + i, column) is values[column * 32 + i], i < count.
template <typename Work>
void each_part(const PackedMatrix& matrix, int64_t first, int64_t size, Work work) {
  const float* panels = reinterpret_cast<const float*>(matrix.panels);
  for (int64_t row = 0, count; row < size; row += count) {
    const int64_t panel = (first + row) / kPanel, column = (first + row) % kPanel;
    count = std::min(kPanel - column, size - row);
    work(row, panels + panel * kPanel * matrix.depth + column, count);
  }
}

// y [columns] = q W
VISUALBERT_WIDE void multiply_rows(const PackedMatrix& matrix, int64_t first, int64_t size, const float* q, float* y) {
  std::fill(y, y + matrix.depth, 0.0f);
  each_part(matrix, first, size, [&](int64_t row, const float* values, int64_t count) {
    const float* factors = q + row;
    for (int64_t k = 0; k < matrix.depth; ++k, values += kPanel) y[k] += lane_sum(count, [=](int64_t i) { return factors[i] * values[i]; });
  });
}

// y [rows] = W x + bias
VISUALBERT_WIDE void multiply_columns(const PackedMatrix& matrix, int64_t first, int64_t size, const float* x, const float* bias, float* y) {
  each_part(matrix, first, size, [&](int64_t row, const float* values, int64_t count) {
    float sums[kPanel] = {};
    for (int64_t k = 0; k < matrix.depth; ++k, values += kPanel) {
      for (int64_t i = 0; i < count; ++i) sums[i] += x[k] * values[i];
    }
    for (int64_t i = 0; i < count; ++i) y[row + i] = sums[i] + bias[row + i];
  });
}

// scores [rows] = X q
VISUALBERT_WIDE void score_rows(const float* x, int64_t rows, int64_t width, const float* q, float* scores) {
  for (int64_t row = 0; row < rows; ++row, x += width) scores[row] = lane_sum(width, [=](int64_t i) { return x[i] * q[i]; });
}

// y [width] = weights X
VISUALBERT_WIDE void mix_rows(const float* x, int64_t rows, int64_t width, const float* weights, float* __restrict y) {
  std::fill(y, y + width, 0.0f);
  for (int64_t row = 0; row < rows; ++row, x += width) {
    for (int64_t i = 0; i < width; ++i) y[i] += weights[row] * x[i];
  }
}

}  // namespace

void attend(const FoldedHead& head) {
  const int64_t width = head.keys.depth;
  float *folded = scratch<float>(0, static_cast<size_t>(width)), *scores = scratch<float>(1, static_cast<size_t>(head.key_count));
  multiply_rows(head.keys, head.first, head.size, head.query, folded);
  score_rows(head.x, head.key_count, width, folded, scores);
  softmax_row(scores, nullptr, head.scale, scores, head.key_count);
  mix_rows(head.x, head.key_count, width, scores, folded);
  multiply_columns(head.values, head.first, head.size, folded, head.bias, head.result);
}

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
