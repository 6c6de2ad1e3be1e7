// Packing, and products with packed matrices. No TensorFlow header is included.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

#include "loops/packed_loops.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "loops/fused_loops.h"
#include "loops/packed_tiles.h"
#include "loops/vector_math.h"

namespace visualbert {
namespace {

// Precedes every packed matrix and fills one cache line.
struct Header {
  char magic[8];
  int64_t rows, depth;
  int32_t packing;
  char filling[36];
};
static_assert(sizeof(Header) == 64, "panels begin at a cache line");
constexpr char kMagic[8] = {'V', 'B', 'p', 'a', 'c', 'k', 'e', 'd'};

constexpr int64_t kColumnBytes = 4;         // adjacent values of one column
constexpr int64_t kSliceBytes = 128 << 10;  // of a panel, multiplied with all rows while it is in the second cache

// Number of adjacent values of a row of W, and bytes per value.
int64_t group_of(Packing packing) { return packing == Packing::kFloat32 ? 1 : packing == Packing::kBfloat16 ? 2 : 4; }
int64_t value_bytes(Packing packing) { return 4 / group_of(packing); }
int64_t filled_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

// Offset of value (c, k) in a panel, in values.
int64_t offset_in_panel(int64_t group, int64_t c, int64_t k) { return k / group * group * kPanel + c * group + k % group; }

template <typename Scratch>
Scratch* scratch(int which, size_t count) {
  static thread_local std::vector<uint8_t> kept[4];  // grows to what the largest product needs
  std::vector<uint8_t>& memory = kept[which];
  if (memory.size() < count * sizeof(Scratch) + 64) memory.resize(count * sizeof(Scratch) + 64);
  return reinterpret_cast<Scratch*>(memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64);
}

VISUALBERT_WIDE float largest(const float* x, int64_t count) {
  float most[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) most[lane] = std::max(most[lane], std::fabs(x[i + lane]));
  }
  for (; i < count; ++i) most[0] = std::max(most[0], std::fabs(x[i]));
  return *std::max_element(most, most + kLanes);
}

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

VISUALBERT_WIDE void bytes_of(const float* x, int64_t count, float inverse, float zero, uint8_t* y) {
  for (int64_t i = 0; i < count; ++i) {
    const float level = std::nearbyint(x[i] * inverse) + zero;
    const float bounded = level < 0.0f ? 0.0f : level > 255.0f ? 255.0f : level;
    y[i] = static_cast<uint8_t>(static_cast<int32_t>(bounded));
  }
}

// One row as bytes: x = scale (byte - zero).
void quantize_row(const float* x, int64_t count, uint8_t* y, float* scale, int32_t* zero) {
  float least, most;
  range_of(x, count, &least, &most);
  *scale = (most - least) / 255.0f;
  const float inverse = *scale > 0 ? 1.0f / *scale : 0.0f;
  *zero = static_cast<int32_t>(std::nearbyint(-least * inverse));
  bytes_of(x, count, inverse, static_cast<float>(*zero), y);
}

// Bytes as int16, of each four the even ones first: 0 2 1 3.
VISUALBERT_WIDE void words_of(const uint8_t* bytes, int64_t count, int32_t* pairs) {
  for (int64_t i = 0; i < count / 4; ++i) {
    uint32_t four;
    std::memcpy(&four, bytes + 4 * i, sizeof four);
    pairs[2 * i] = static_cast<int32_t>(four & 0x00ff00ff);
    pairs[2 * i + 1] = static_cast<int32_t>(four >> 8 & 0x00ff00ff);
  }
}

// A row of sums with its bias, into `width` values of y.
VISUALBERT_WIDE void finish_float(const float* sums, const float* bias, float* y, int64_t width) {
  for (int64_t c = 0; c < width; ++c) y[c] = sums[c] + bias[c];
}

VISUALBERT_WIDE void finish_bytes(const int32_t* sums, const int32_t* row_sums, int32_t zero, const float* scales, float scale, const float* bias,
                   float* y, int64_t width) {
  for (int64_t c = 0; c < width; ++c) y[c] = static_cast<float>(sums[c] - zero * row_sums[c]) * (scale * scales[c]) + bias[c];
}

const Tiles& tiles_for(Packing packing) {
  return packing == Packing::kFloat32 ? float_tiles() : packing == Packing::kBfloat16 ? bfloat16_tiles() : byte_tiles();
}

// Values begin..end of row c of a panel.
VISUALBERT_WIDE void pack_bfloat16(const float* row, int64_t begin, int64_t end, int64_t c, uint16_t* panel) {
  for (int64_t k = begin; k < end; ++k) narrow(row[k], panel + offset_in_panel(2, c, k));
}

// The same as bytes; returns their sum.
VISUALBERT_WIDE int32_t pack_bytes(const float* row, int64_t begin, int64_t end, int64_t c, float scale, int8_t* panel) {
  const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
  int32_t sum = 0;
  for (int64_t k = begin; k < end; ++k) {
    const int32_t level = static_cast<int32_t>(std::nearbyint(row[k] * inverse));
    const int32_t value = level < -127 ? -127 : level > 127 ? 127 : level;
    panel[offset_in_panel(4, c, k)] = static_cast<int8_t>(value);
    sum += value;
  }
  return sum;
}

// sums [rows, 32] = rows of x times a panel in the cache.
void multiply_tile(const Tiles& tiles, int64_t rows, const float* x, int64_t stride, const float* panel, int64_t depth, float* sums) {
  std::fill(sums, sums + rows * kPanel, 0.0f);
  const Ahead cached{reinterpret_cast<const char*>(panel), 0};  // a null address would cost a page walk at each step
  for (int64_t column = 0; column < kPanel; column += tiles.columns) tiles.tile[rows - 1](x, stride, panel + column, depth, sums + column, cached);
}

// Calls work(first, count) for blocks of at most `most` rows and nearly equal size.
template <typename Work>
void each_block(int64_t rows, int most, Work work) {
  const int64_t blocks = (rows + most - 1) / most;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t first = rows * block / blocks;
    work(first, rows * (block + 1) / blocks - first);
  }
}

}  // namespace

int64_t PackedMatrix::panel_bytes() const { return kPanel * filled_up(depth, group_of(packing)) * value_bytes(packing); }

size_t packed_bytes(Packing packing, int64_t rows, int64_t depth) {
  const PackedMatrix matrix{packing, rows, depth, nullptr, nullptr, nullptr};
  const int64_t channels = packing == Packing::kInt8 ? matrix.count() * kPanel * 8 : 0;
  return sizeof(Header) + static_cast<size_t>(channels + matrix.count() * matrix.panel_bytes());
}

void pack_header(Packing packing, int64_t rows, int64_t depth, uint8_t* target) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.rows = rows;
  header.depth = depth;
  header.packing = static_cast<int32_t>(packing);
  std::memcpy(target, &header, sizeof header);
}

void pack_panel(const PackedMatrix& packed, const float* rows, int64_t index) {
  const int64_t depth = packed.depth;
  uint8_t* panel = const_cast<uint8_t*>(packed.panels) + index * packed.panel_bytes();
  const int64_t first = index * kPanel, width = std::min(kPanel, packed.rows - first);
  if (width < kPanel || depth % group_of(packed.packing) != 0) std::memset(panel, 0, static_cast<size_t>(packed.panel_bytes()));
  float* scales = const_cast<float*>(packed.scales) + first;
  int32_t* sums = const_cast<int32_t*>(packed.sums) + first;
  if (packed.packing == Packing::kInt8) {
    std::fill(scales, scales + kPanel, 0.0f);
    std::fill(sums, sums + kPanel, 0);
    for (int64_t c = 0; c < width; ++c) scales[c] = largest(rows + c * depth, depth) / 127.0f;
  }
  // A few values of every row at a time: the cache lines that they are scattered over stay cached.
  for (int64_t begin = 0; begin < depth; begin += kPanel) {
    const int64_t end = std::min(begin + kPanel, depth);
    for (int64_t c = 0; c < width; ++c) {
      const float* row = rows + c * depth;
      if (packed.packing == Packing::kFloat32) {
        float* to = reinterpret_cast<float*>(panel) + c;
        for (int64_t k = begin; k < end; ++k) to[k * kPanel] = row[k];
      } else if (packed.packing == Packing::kBfloat16) {
        pack_bfloat16(row, begin, end, c, reinterpret_cast<uint16_t*>(panel));
      } else {
        sums[c] += pack_bytes(row, begin, end, c, scales[c], reinterpret_cast<int8_t*>(panel));
      }
    }
  }
}

PackedMatrix packed_matrix(const uint8_t* bytes, size_t size) {
  Header header;
  if (size < sizeof header) throw std::runtime_error("expected a packed matrix, received too few bytes");
  std::memcpy(&header, bytes, sizeof header);
  PackedMatrix packed{static_cast<Packing>(header.packing), header.rows, header.depth, nullptr, nullptr, nullptr};
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || size != packed_bytes(packed.packing, header.rows, header.depth)) {
    throw std::runtime_error("expected a packed matrix, received other bytes");
  }
  packed.panels = bytes + sizeof header;
  if (packed.packing == Packing::kInt8) {
    const int64_t channels = packed.count() * kPanel;
    packed.scales = reinterpret_cast<const float*>(packed.panels);
    packed.sums = reinterpret_cast<const int32_t*>(packed.scales + channels);
    packed.panels += channels * 8;
  }
  return packed;
}

void unpack(const PackedMatrix& packed, float* matrix) {
  const int64_t group = group_of(packed.packing);
  for (int64_t row = 0; row < packed.rows; ++row) {
    const uint8_t* panel = packed.panels + row / kPanel * packed.panel_bytes();
    float* to = matrix + row * packed.depth;
    for (int64_t k = 0; k < packed.depth; ++k) {
      const int64_t at = offset_in_panel(group, row % kPanel, k);
      if (packed.packing == Packing::kFloat32) {
        to[k] = reinterpret_cast<const float*>(panel)[at];
      } else if (packed.packing == Packing::kBfloat16) {
        to[k] = widened(reinterpret_cast<const uint16_t*>(panel)[at]);
      } else {
        to[k] = static_cast<float>(reinterpret_cast<const int8_t*>(panel)[at]) * packed.scales[row];
      }
    }
  }
}

ProductRows::ProductRows(const PackedMatrix& matrix, const float* x, int64_t rows)
    : x_(x), rows_(rows), depth_(matrix.depth), stride_(filled_up(matrix.depth, group_of(matrix.packing))) {
  const size_t count = static_cast<size_t>(rows * stride_);
  if (matrix.packing == Packing::kFloat32) {
    form_ = Form::kGiven;
  } else if (matrix.packing == Packing::kInt8) {
    form_ = multiplies_words() ? Form::kWords : Form::kBytes;
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
    if (scales_ != nullptr) {
      uint8_t* y = form_ == Form::kBytes ? made_ + skip : scratch<uint8_t>(2, static_cast<size_t>(stride_));
      quantize_row(x, depth_, y, scales_ + row, zeros_ + row);
      std::memset(y + depth_, 0, static_cast<size_t>(stride_ - depth_));
      if (form_ == Form::kWords) words_of(y, stride_, reinterpret_cast<int32_t*>(made_ + 2 * skip));
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

void multiply(const PackedMatrix& matrix, const ProductRows& rows, const float* bias, bool with_gelu, float* y, int64_t from, int64_t to) {
  using Form = ProductRows::Form;
  const Tiles& tiles = tiles_for(matrix.packing);
  const bool is_given = rows.form_ == Form::kGiven, is_quantized = rows.scales_ != nullptr;
  const uint8_t* x = is_given ? reinterpret_cast<const uint8_t*>(rows.x_) : rows.made_;
  const int64_t row_bytes = rows.stride_ * rows.value_bytes(), group = group_of(matrix.packing);
  const int64_t longest = kSliceBytes / (kPanel * kColumnBytes) * group;
  float* sums = scratch<float>(3, static_cast<size_t>(rows.rows_ * kPanel));
  for (int64_t panel = from; panel < to; ++panel) {
    const int64_t first = panel * kPanel, width = std::min(kPanel, matrix.rows - first);
    std::fill(sums, sums + rows.rows_ * kPanel, 0.0f);
    for (int64_t begin = 0; begin < rows.stride_; begin += longest) {
      const int64_t depth = std::min(longest, rows.stride_ - begin), steps = depth / group;
      const char* slice = reinterpret_cast<const char*>(matrix.panels + panel * matrix.panel_bytes()) + begin / group * kPanel * kColumnBytes;
      const int64_t bytes = steps * kPanel * kColumnBytes;
      // Each tile fetches its share of the next slice: with few rows, weights come from memory as fast as they are computed with.
      for (int64_t column = 0; column < kPanel; column += tiles.columns) {
        each_block(rows.rows_, tiles.rows, [&](int64_t row, int64_t count) {
          const int64_t parts = kPanel / tiles.columns * rows.rows_, part = column / tiles.columns * rows.rows_ + row;
          const Ahead ahead{slice + bytes + bytes * part / parts, bytes * count / parts / steps};
          tiles.tile[count - 1](x + row * row_bytes + begin * rows.value_bytes(), rows.stride_, slice + column * kColumnBytes, depth,
                                sums + row * kPanel + column, ahead);
        });
      }
    }
    for (int64_t row = 0; row < rows.rows_; ++row) {
      const float* sum = sums + row * kPanel;
      float* out = y + row * matrix.rows + first;
      if (is_quantized) {
        finish_bytes(reinterpret_cast<const int32_t*>(sum), matrix.sums + first, rows.zeros_[row], matrix.scales + first, rows.scales_[row],
                     bias + first, out, width);
      } else {
        finish_float(sum, bias + first, out, width);
      }
      if (with_gelu) gelu(out, out, width);
    }
  }
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
