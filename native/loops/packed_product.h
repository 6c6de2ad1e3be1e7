// Products with packed matrices: y = x W^T + b.
#ifndef VISUALBERT_PACKED_PRODUCT_H_
#define VISUALBERT_PACKED_PRODUCT_H_

#include <cstdint>

#include "loops/packed_matrix.h"

namespace visualbert {

// The rows of x in the form that the product reads: unchanged, rounded to bfloat16, or as bytes with a scale and a zero point per row.
class ProductRows {
 public:
  ProductRows(const PackedMatrix& matrix, const float* x, int64_t rows);
  // Makes rows from..to; all must be made before multiply.
  void make(int64_t from, int64_t to);
  // Whether they are used unchanged, without make.
  bool are_made() const { return form_ == Form::kGiven; }

  int64_t count() const { return count_; }
  int64_t stride() const { return stride_; }  // in values of the form
  int64_t value_bytes() const { return form_ == Form::kBytes ? 1 : form_ == Form::kBfloat16 ? 2 : 4; }
  const uint8_t* row(int64_t index) const { return (are_made() ? reinterpret_cast<const uint8_t*>(x_) : made_) + index * stride_ * value_bytes(); }
  // Of the bytes of a row: x = scale (byte - zero).
  float scale(int64_t row) const { return scales_[row]; }
  int32_t zero(int64_t row) const { return zeros_[row]; }

 private:
  enum class Form { kGiven, kRounded, kBfloat16, kBytes };

  const float* x_;
  int64_t count_, depth_, stride_;
  Form form_;
  uint8_t* made_ = nullptr;
  float* scales_ = nullptr;
  int32_t* zeros_ = nullptr;
};

// y [rows of x, rows of W] = x W^T + bias, followed by GELU if `with_gelu`.
struct Product {
  const PackedMatrix& matrix;
  const ProductRows& rows;
  const float* bias;
  bool with_gelu;
  float* y;

  // Threads share a product in parts: each is one panel of the matrix with a block of the rows.
  int64_t part_count() const;
};
// Computes parts from..to.
void multiply(const Product& product, int64_t from, int64_t to);

}  // namespace visualbert

#endif  // VISUALBERT_PACKED_PRODUCT_H_
