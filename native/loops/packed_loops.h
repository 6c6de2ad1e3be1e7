// Matrices packed for products with few rows: y = x W^T + b, W packed once in panels of 32 of its rows.
#ifndef VISUALBERT_PACKED_LOOPS_H_
#define VISUALBERT_PACKED_LOOPS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace visualbert {

// Element type of a packed matrix. int8 is symmetric with one scale for each row of W (output channel).
enum class Packing : int32_t { kFloat32 = 0, kBfloat16 = 1, kInt8 = 2 };

constexpr int64_t kPanel = 32;  // rows of W side by side, the last panel filled up with zeros

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

// The rows of x in the form that the product reads: unchanged, rounded to bfloat16, or as bytes with a scale and a zero point per row.
class ProductRows {
 public:
  ProductRows(const PackedMatrix& matrix, const float* x, int64_t rows);
  // Makes rows from..to; all must be made before multiply.
  void make(int64_t from, int64_t to);
  // Whether they are used unchanged, without make.
  bool are_made() const { return form_ == Form::kGiven; }

 private:
  friend void multiply(const PackedMatrix&, const ProductRows&, const float*, bool, float*, int64_t, int64_t);
  enum class Form { kGiven, kRounded, kBfloat16, kBytes, kWords };
  int64_t value_bytes() const { return form_ == Form::kBytes ? 1 : form_ == Form::kBfloat16 || form_ == Form::kWords ? 2 : 4; }

  const float* x_;
  int64_t rows_, depth_, stride_;  // stride in elements of the form
  Form form_;
  uint8_t* made_ = nullptr;
  float* scales_ = nullptr;
  int32_t* zeros_ = nullptr;
};

// Panels from..to of y = x W^T + bias [rows of x, rows of W], followed by GELU if `gelu`.
void multiply(const PackedMatrix& matrix, const ProductRows& rows, const float* bias, bool gelu, float* y, int64_t from, int64_t to);

// softmax(scale Q K^T + bias) V for one head. Rows of Q and the result, and of K and V, are `stride` apart; bias [keys] may be null.
struct Head {
  const float *queries, *keys, *values, *bias;
  float* result;
  int64_t query_count, key_count, size, stride;
  float scale;
};
void attend(const Head& head);

}  // namespace visualbert

#endif  // VISUALBERT_PACKED_LOOPS_H_
