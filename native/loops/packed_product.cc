// Products with packed matrices. No TensorFlow header is included.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

#include "loops/packed_product.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "loops/fused_loops.h"
#include "loops/packed_tiles.h"
#include "loops/scratch.h"
#include "loops/vector_math.h"

namespace visualbert {
namespace {

// A block of rows of x is multiplied with a few panels, slice by slice: the sums and a slice of the rows stay in the second cache.
constexpr int64_t kBlockRows = 96, kBlockPanels = 8;
constexpr int64_t kSliceBytes = 32 << 10;  // of a panel

VISUALBERT_WIDE void round_row(const float* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    uint16_t rounded;
    narrow(x[i], &rounded);
    y[i] = widened(rounded);
  }
}

VISUALBERT_WIDE void narrow_row(const float* x, uint16_t* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) narrow(x[i], y + i);
}

VISUALBERT_WIDE void range_of(const float* x, int64_t count, float* least, float* most) {
  float lows[kLanes] = {}, highs[kLanes] = {};  // every range includes 0, which stays exact
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      lows[lane] = x[i + lane] < lows[lane] ? x[i + lane] : lows[lane];
      highs[lane] = x[i + lane] > highs[lane] ? x[i + lane] : highs[lane];
    }
  }
  for (; i < count; ++i) {
    lows[0] = x[i] < lows[0] ? x[i] : lows[0];
    highs[0] = x[i] > highs[0] ? x[i] : highs[0];
  }
  *least = *std::min_element(lows, lows + kLanes);
  *most = *std::max_element(highs, highs + kLanes);
}

VISUALBERT_WIDE void bytes_of(const float* x, int64_t count, float inverse, float zero, float most, uint8_t* y) {
  for (int64_t i = 0; i < count; ++i) {
    const float level = std::nearbyint(x[i] * inverse) + zero;
    const float bounded = level < 0.0f ? 0.0f : level > most ? most : level;
    y[i] = static_cast<uint8_t>(static_cast<int32_t>(bounded));
  }
}

// One row as bytes: x = scale (byte - zero).
void quantize_row(const float* x, int64_t count, uint8_t* y, float* scale, int32_t* zero) {
  const float levels = static_cast<float>(largest_byte());
  float least, most;
  range_of(x, count, &least, &most);
  *scale = (most - least) / levels;
  const float inverse = *scale > 0 ? 1.0f / *scale : 0.0f;
  *zero = static_cast<int32_t>(std::nearbyint(-least * inverse));
  bytes_of(x, count, inverse, static_cast<float>(*zero), levels, y);
}

// A row of sums of bytes, scaled and with its bias, into `width` values of y.
VISUALBERT_WIDE void finish_bytes(const int32_t* sums, const int32_t* row_sums, int32_t zero, const float* scales, float scale, const float* bias,
                                  float* y, int64_t width) {
  for (int64_t c = 0; c < width; ++c) y[c] = static_cast<float>(sums[c] - zero * row_sums[c]) * (scale * scales[c]) + bias[c];
}

const Tiles& tiles_for(Packing packing) {
  return packing == Packing::kFloat32 ? float_tiles() : packing == Packing::kBfloat16 ? bfloat16_tiles() : byte_tiles();
}

// Adjacent rows of x and panels of the matrix.
struct Block {
  int64_t first_row, rows, first_panel, panels;
  const float* bias;   // with which the sums of all rows begin, [panels, 32]; int32 for bytes, as the sums
  float* sums;         // [rows, panels, 32]
  int64_t pitch;       // of their rows

  float* sums_of(int64_t row) const { return sums + row * pitch; }
};

// Rows of all blocks but the last: nearly equal ones that fill whole tiles.
int64_t rows_per_block(const Product& product) {
  const int64_t count = std::max<int64_t>(1, product.rows.count()), blocks = block_count(count, kBlockRows);
  return filled_up((count + blocks - 1) / blocks, tiles_for(product.matrix.packing).rows);
}

// The address of a panel, from value `begin` of its rows on.
const char* panel_from(const PackedMatrix& matrix, int64_t panel, int64_t begin) {
  return reinterpret_cast<const char*>(matrix.panels + panel * matrix.panel_bytes()) + begin / group_of(matrix.packing) * kPanel * kColumnBytes;
}

// A slice of a bfloat16 panel as float32, [depth, 32].
VISUALBERT_WIDE void widen_slice(const uint16_t* slice, int64_t depth, float* wide) {
  for (int64_t k = 0; k < depth; k += 2, slice += 2 * kPanel, wide += 2 * kPanel) {
    for (int64_t c = 0; c < kPanel; ++c) wide[c] = widened(slice[2 * c]);
    for (int64_t c = 0; c < kPanel; ++c) wide[kPanel + c] = widened(slice[2 * c + 1]);
  }
}

void sum_products(const PackedMatrix& matrix, const ProductRows& rows, const Block& block) {
  const Tiles& tiles = tiles_for(matrix.packing);
  const int64_t group = group_of(matrix.packing);
  const bool widens = matrix.packing == Packing::kBfloat16 && !multiplies_bfloat16();
  const int64_t in_step = widens ? 1 : group, longest = kSliceBytes / (kPanel * kColumnBytes) * in_step;
  for (int64_t begin = 0; begin < rows.stride(); begin += longest) {
    const int64_t depth = std::min(longest, rows.stride() - begin), steps = depth / in_step, bytes = depth / group * kPanel * kColumnBytes;
    for (int64_t panel = 0; panel < block.panels; ++panel) {
      const bool is_last = panel + 1 == block.panels;
      const char* slice = panel_from(matrix, block.first_panel + panel, begin);
      const char* next = is_last ? panel_from(matrix, block.first_panel, begin + depth) : panel_from(matrix, block.first_panel + panel + 1, begin);
      // Each tile fetches a share of the next slice: with few rows, weights come from memory as fast as they are computed with.
      const int64_t share = bytes / (kPanel / tiles.columns * block_count(block.rows, tiles.rows));
      Ahead ahead{next, share / steps};
      if (widens) {
        float* wide = scratch<float>(2, static_cast<size_t>(depth * kPanel));
        widen_slice(reinterpret_cast<const uint16_t*>(slice), depth, wide);
        slice = reinterpret_cast<const char*>(wide);
      }
      for (int64_t column = 0; column < kPanel; column += tiles.columns) {
        const int64_t at = panel * kPanel + column;
        each_block(block.rows, tiles.rows, [&](int64_t row, int64_t count) {
          float* to = block.sums_of(row) + at;
          const Sums sums = begin == 0 ? Sums{block.bias + at, 0, to, block.pitch} : Sums{to, block.pitch, to, block.pitch};
          tiles.tile[count - 1](rows.row(block.first_row + row) + begin * rows.value_bytes(), rows.stride(), slice + column * kColumnBytes, depth,
                                sums, ahead);
          ahead.next += share;
        });
      }
    }
  }
}

// Scales the sums of bytes and adds their bias, applies GELU, and copies what was computed elsewhere to y.
void finish(const Product& product, const Block& block) {
  const PackedMatrix& matrix = product.matrix;
  const int64_t first = block.first_panel * kPanel, width = std::min(block.panels * kPanel, matrix.rows - first);
  for (int64_t row = 0; row < block.rows; ++row) {
    const int64_t of_x = block.first_row + row;
    float *sums = block.sums_of(row), *y = product.y + of_x * matrix.rows + first;
    if (matrix.packing == Packing::kInt8) {
      finish_bytes(reinterpret_cast<const int32_t*>(sums), matrix.sums + first, product.rows.zero(of_x), matrix.scales + first,
                   product.rows.scale(of_x), product.bias + first, sums, width);
    }
    if (product.with_gelu) gelu(sums, sums, width);
    if (sums != y) std::copy_n(sums, width, y);
  }
}

}  // namespace

ProductRows::ProductRows(const PackedMatrix& matrix, const float* x, int64_t rows)
    : x_(x), count_(rows), depth_(matrix.depth), stride_(filled_up(matrix.depth, group_of(matrix.packing))) {
  const size_t count = static_cast<size_t>(rows * stride_);
  if (matrix.packing == Packing::kFloat32) {
    form_ = Form::kGiven;
  } else if (matrix.packing == Packing::kInt8) {
    form_ = Form::kBytes;
    made_ = scratch<uint8_t>(0, count * static_cast<size_t>(value_bytes()));
    scales_ = scratch<float>(1, static_cast<size_t>(2 * rows));
    zeros_ = reinterpret_cast<int32_t*>(scales_ + rows);
  } else {
    form_ = multiplies_bfloat16() ? Form::kBfloat16 : Form::kRounded;
    made_ = scratch<uint8_t>(0, count * static_cast<size_t>(value_bytes()));
  }
}

void ProductRows::make(int64_t from, int64_t to) {
  for (int64_t row = from; row < to; ++row) {
    const float* x = x_ + row * depth_;
    const int64_t skip = row * stride_;
    if (form_ == Form::kBytes) {
      uint8_t* y = made_ + skip;
      quantize_row(x, depth_, y, scales_ + row, zeros_ + row);
      std::fill(y + depth_, y + stride_, uint8_t{0});
    } else if (form_ == Form::kBfloat16) {
      uint16_t* y = reinterpret_cast<uint16_t*>(made_) + skip;
      narrow_row(x, y, depth_);
      std::fill(y + depth_, y + stride_, uint16_t{0});
    } else if (form_ == Form::kRounded) {
      float* y = reinterpret_cast<float*>(made_) + skip;
      round_row(x, y, depth_);
      std::fill(y + depth_, y + stride_, 0.0f);
    }
  }
}

int64_t Product::part_count() const { return block_count(rows.count(), rows_per_block(*this)) * matrix.count(); }

void multiply(const Product& product, int64_t from, int64_t to) {
  static const float zeros[kBlockPanels * kPanel] = {};
  const PackedMatrix& matrix = product.matrix;
  const int64_t most_rows = rows_per_block(product), all = matrix.count();
  while (from < to) {
    const int64_t row = from / all * most_rows, panel = from % all, first = panel * kPanel;
    const int64_t rows = std::min(most_rows, product.rows.count() - row), panels = std::min({kBlockPanels, to - from, all - panel});
    Block block{row, rows, panel, panels, product.bias + first, product.y + row * matrix.rows + first, matrix.rows};
    if (first + panels * kPanel > matrix.rows) {  // beyond y and the bias
      block.pitch = panels * kPanel;
      float* bias = scratch<float>(3, static_cast<size_t>((most_rows + 1) * block.pitch));
      std::fill(std::copy(product.bias + first, product.bias + matrix.rows, bias), bias + block.pitch, 0.0f);
      block.bias = bias;
      block.sums = bias + block.pitch;
    }
    if (matrix.packing == Packing::kInt8) block.bias = zeros;
    sum_products(matrix, product.rows, block);
    finish(product, block);
    from += panels;
  }
}

}  // namespace visualbert
