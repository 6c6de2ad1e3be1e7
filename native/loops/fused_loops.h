// The loops of the fused kernels, each over a range of elements or rows.
#ifndef VISUALBERT_FUSED_LOOPS_H_
#define VISUALBERT_FUSED_LOOPS_H_

#include <cstdint>

namespace visualbert {

struct AdamW {
  float share1, share2;    // 1 - beta1, 1 - beta2
  float epsilon;
  float rate;              // of this parameter
  float decay;             // 1 - rate * weight decay
  float first_correction;  // 1 / (1 - beta1^t)
  float second_correction; // 1 / sqrt(1 - beta2^t)
  float gradient_scale;    // of clipping
};

// uint16_t is bfloat16, the output of matrix products; all arithmetic is float32.
void adamw(const AdamW& options, float* parameter, float* first, float* second, const float* gradient, int64_t count);
void adamw(const AdamW& options, float* parameter, float* first, float* second, const uint16_t* gradient, int64_t count);

float sum_of_squares(const float* x, int64_t count);
float sum_of_squares(const uint16_t* x, int64_t count);

// Whether every element is finite.
bool all_finite(const float* x, int64_t count);

void gelu(const float* x, float* y, int64_t count);
void gelu(const uint16_t* x, uint16_t* y, int64_t count);
void gelu_gradient(const float* dy, const float* x, float* dx, int64_t count);
void gelu_gradient(const uint16_t* dy, const uint16_t* x, uint16_t* dx, int64_t count);

// Adds `rows` rows of `stride` elements, `width` columns of each, to `sums`.
void column_sums(const float* x, float* sums, int64_t rows, int64_t width, int64_t stride);
void column_sums(const uint16_t* x, float* sums, int64_t rows, int64_t width, int64_t stride);

// Multiplies by 0 or `scale`; element i of the tensor is kept if its uniform number is at least `rate`. `offset` is a multiple of 64.
struct Mask {
  uint32_t seed, step, salt;
  float rate, scale;
};
void dropout(const Mask& mask, const float* x, float* y, int64_t offset, int64_t count);
void dropout(const Mask& mask, const uint16_t* x, uint16_t* y, int64_t offset, int64_t count);

// y = weight * (total - mean) / sqrt(variance + epsilon) + bias for each row of total = x (+ residual).
void layer_norm(const float* x, const float* residual, const float* weight, const float* bias, float epsilon, float* y, float* total,
                int64_t rows, int64_t width);
void layer_norm(const uint16_t* x, const float* residual, const float* weight, const float* bias, float epsilon, float* y, float* total,
                int64_t rows, int64_t width);

// Gradients for total, and sums over these rows for weight and bias, which are added to dweight and dbias.
void layer_norm_gradient(const float* dy, const float* total, const float* weight, float epsilon, float* dx, float* dweight, float* dbias,
                         int64_t rows, int64_t width);

// y = softmax(scale * x + bias) for one row; bias may be null.
void softmax_row(const float* x, const float* bias, float scale, float* y, int64_t width);
// dx = scale * y * (dy - sum(dy * y)) for one row.
void softmax_gradient_row(const float* dy, const float* y, float scale, float* dx, int64_t width);

}  // namespace visualbert

#endif  // VISUALBERT_FUSED_LOOPS_H_
