// Matrices packed for products with few rows: W in panels of 32 of its rows.
#ifndef VISUALBERT_PACKED_MATRIX_H_
#define VISUALBERT_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>

namespace visualbert {

// Element type of a packed matrix. int8 is symmetric with one scale for each row of W (output channel).
enum class Packing : int32_t { kFloat32 = 0, kBfloat16 = 1, kInt8 = 2 };

constexpr int64_t kPanel = 32;       // rows of W side by side, the last panel filled up with zeros
constexpr int64_t kColumnBytes = 4;  // adjacent values of one column of a panel

inline int64_t filled_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

// Number of adjacent values of a row of W.
inline int64_t group_of(Packing packing) { return packing == Packing::kFloat32 ? 1 : packing == Packing::kBfloat16 ? 2 : 4; }

// A view of a packed matrix in memory. Element (c, k) of panel p, c < 32: float32 at [p][k][c], bfloat16 at [p][k / 2][c][k % 2], int8 at
// [p][k / 4][c][k % 4], k filled up with zeros.
struct PackedMatrix {
  Packing packing;
  int64_t rows, depth;    // of W: outputs and inputs
  const float* scales;    // int8: [panels * 32]
  const int32_t* sums;    // int8: of each row of W, [panels * 32]
  const uint8_t* panels;

  int64_t count() const { return (rows + kPanel - 1) / kPanel; }
  int64_t panel_bytes() const;
};

size_t packed_bytes(Packing packing, int64_t rows, int64_t depth);
// Writes the header of a packed matrix of `packed_bytes` bytes to `target`; pack_panel writes the rest.
void pack_header(Packing packing, int64_t rows, int64_t depth, uint8_t* target);
// Packs one panel of a matrix; `rows` are its rows, one after the other.
void pack_panel(const PackedMatrix& packed, const float* rows, int64_t index);
// The packed matrix in `bytes`. Throws for bytes that pack_header did not begin.
PackedMatrix packed_matrix(const uint8_t* bytes, size_t size);
// Writes the values, rounded as they were packed, to `matrix` [rows, depth].
void unpack(const PackedMatrix& packed, float* matrix);

}  // namespace visualbert

#endif  // VISUALBERT_PACKED_MATRIX_H_
