// Packing matrices. No TensorFlow header is included.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

#include "loops/packed_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

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

int64_t value_bytes(Packing packing) { return kColumnBytes / group_of(packing); }

// Offset of value (c, k) in a panel, in values.
int64_t offset_in_panel(int64_t group, int64_t c, int64_t k) { return k / group * group * kPanel + c * group + k % group; }

VISUALBERT_WIDE float largest(const float* x, int64_t count) {
  float most[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) most[lane] = std::max(most[lane], std::fabs(x[i + lane]));
  }
  for (; i < count; ++i) most[0] = std::max(most[0], std::fabs(x[i]));
  return *std::max_element(most, most + kLanes);
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

}  // namespace visualbert
